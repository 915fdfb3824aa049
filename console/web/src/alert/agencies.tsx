// Each agency with its own clock: from when it was asked, stopped by its arrival. What two of them say differently is
// said aloud.
import type { JSX } from "preact";
import type { AgencyClock, AlertPage, Stamp } from "../api/alert_page";
import type { Row } from "../api/shapes";
import { STAGES, type Stage } from "../api/tables";
import { clockText, timeText } from "../core/ages";
import { plain } from "../core/text";
import { nearest, unitOf } from "../core/units";
import { Section, Tag } from "../frame/button";
import { act } from "../state/acts";
import { now } from "../state/clock";
import { agencyName, agencyOf } from "../state/directory";
import { mayAct } from "../state/session";
import { awayText, units } from "../state/units";
import { lang, said, t } from "../words/words";

/** Stages that are stamped one after the other, as core has them; who declines goes nowhere. */
const NEXT: readonly Stage[] = STAGES.filter((stage) => stage !== "declined");

export function Agencies({ page, row }: { page: AlertPage; row: Row }): JSX.Element | null {
  const clocks = page.agencies ?? [];
  if (!clocks.length) return null;
  return (
    <Section title={t("dispatches")}>
      {page.disagreement ? <p class="banner warn">▲ {t("disagreement")}</p> : null}
      <ul class="dispatches">
        {clocks.map((one) => (
          <Clock key={`${one.agency}${one.round ?? 0}`} one={one} row={row} />
        ))}
      </ul>
    </Section>
  );
}

const at = (one: AgencyClock, stage: Stage): Stamp | undefined => one.stamps.find((stamp) => stamp.stage === stage);

/** The unit that was sent, how far it is from the alert, and whether that is still true. */
function unitText(one: AgencyClock, row: Row): string {
  const unit = unitOf(units.value, one.unit);
  if (!unit) return plain(one.unit ?? "", 60);
  const near = nearest([unit], row, now.value)[0];
  return [plain(unit.name, 60), near ? awayText(near) : ""].filter(Boolean).join(" ");
}

/** When its lead is told: not accepted, or not there, within what it has agreed to. */
function wantedMs(one: AgencyClock): number {
  const agreed = agencyOf(one.agency);
  if (!agreed) return Infinity;
  const s = at(one, "accepted") || at(one, "en_route") ? agreed.on_scene_s : agreed.accept_s;
  return s > 0 ? s * 1000 : Infinity;
}

/** What is waited for now and until when; nothing once it came, or where nobody waits for it. */
function waitOf(one: AgencyClock, from: number | undefined): { word: string; byMs: number } | null {
  if (from === undefined || (at(one, "on_scene") ?? at(one, "declined") ?? at(one, "cleared"))) return null;
  const wanted = wantedMs(one),
    isAccepted = Boolean(at(one, "accepted") ?? at(one, "en_route"));
  return Number.isFinite(wanted)
    ? { word: said("stage", isAccepted ? "on_scene" : "accepted"), byMs: from + wanted }
    : null;
}

function Clock({ one, row }: { one: AgencyClock; row: Row }): JSX.Element {
  const from = one.stamps[0]?.at_ms,
    end = at(one, "on_scene") ?? at(one, "declined") ?? at(one, "cleared");
  const ran = from === undefined ? null : (end?.at_ms ?? now.value) - from;
  const wait = waitOf(one, from),
    isLate = wait !== null && now.value > wait.byMs;
  const name = agencyName(one.agency);
  return (
    <li>
      <b>{name}</b>
      <span>
        {[said("competence", one.government), one.support ? t("clock_support") : "", unitText(one, row)]
          .filter(Boolean)
          .join(" · ")}
      </span>
      <span class={isLate ? "timer bad" : "timer"}>
        {isLate ? "▲ " : ""}
        {ran === null ? "–" : clockText(ran)}
      </span>
      <span class="dim">{one.stamps.map(stampText).join(" · ")}</span>
      {wait ? (
        <span class={isLate ? "bad" : "dim"}>
          {t(isLate ? "clock_over" : "clock_left", wait.word, clockText(Math.abs(wait.byMs - now.value)))}
        </span>
      ) : null}
      {at(one, "declined") ? <Tag tone="bad">✕ {said("stage", "declined")}</Tag> : null}
      {one.attended === false ? <Tag tone="bad">▲ {t("not_attended")}</Tag> : null}
      {mayAct.value && row.status !== "closed" ? <Stages one={one} row={row} /> : null}
    </li>
  );
}

const stampText = (stamp: Stamp): string =>
  `${said("stage", stamp.stage)} ${timeText(stamp.at_ms, now.value, lang.value)}`;

/** The next stages that may be stamped by radio for an agency that does not stamp itself. */
function Stages({ one, row }: { one: AgencyClock; row: Row }): JSX.Element {
  const last = one.stamps.at(-1)?.stage ?? "asked",
    from = NEXT.indexOf(last);
  const next = from < 0 ? [] : NEXT.slice(from + 1);
  return (
    <span class="row">
      {next.map((stage) => (
        <button
          key={stage}
          type="button"
          class="small"
          onClick={() => act(row, "stamp", { agency: one.agency, stage })}
        >
          {said("stage", stage)}
        </button>
      ))}
    </span>
  );
}
