// Each agency with its own clock: from when it was asked, stopped by its arrival. What two of them say differently is
// said aloud.
import type { JSX } from "preact";
import type { AgencyClock, AlertPage, Limit, Stamp } from "../api/alert_page";
import type { Row } from "../api/shapes";
import { clockText, timeText } from "../core/ages";
import { Section, Tag } from "../frame/button";
import { act } from "../state/acts";
import { now } from "../state/clock";
import { agencyName } from "../state/directory";
import { mayAct } from "../state/session";
import { lang, said, t } from "../words/words";

const STAGES = ["asked", "accepted", "en_route", "on_scene", "cleared"] as const;

export function Agencies({ page, row }: { page: AlertPage; row: Row }): JSX.Element | null {
  const clocks = page.agencies ?? [];
  if (!clocks.length) return null;
  return (
    <Section title={t("dispatches")}>
      {page.disagreement ? <p class="banner warn">▲ {t("disagreement")}</p> : null}
      <ul class="dispatches">
        {clocks.map((one) => (
          <Clock
            key={`${one.agency}${one.round ?? 0}`}
            one={one}
            row={row}
            limit={page.limits?.find((each) => each.agency === one.agency)}
          />
        ))}
      </ul>
    </Section>
  );
}

const at = (one: AgencyClock, stage: string): Stamp | undefined => one.stamps.find((stamp) => stamp.stage === stage);

/** What is waited for now and until when; nothing once it came, or where the book waits for nothing. */
function waitOf(one: AgencyClock, limit: Limit | undefined): { word: string; byMs: number } | null {
  if (at(one, "on_scene") ?? at(one, "declined") ?? at(one, "cleared")) return null;
  const isAccepted = Boolean(at(one, "accepted") ?? at(one, "en_route"));
  const byMs = isAccepted ? limit?.on_scene_by_ms : (limit?.accept_by_ms ?? limit?.on_scene_by_ms);
  return byMs ? { word: said("stage", isAccepted ? "on_scene" : "accepted"), byMs } : null;
}

function Clock({ one, row, limit }: { one: AgencyClock; row: Row; limit: Limit | undefined }): JSX.Element {
  const from = one.stamps[0]?.at_ms,
    end = at(one, "on_scene") ?? at(one, "declined") ?? at(one, "cleared");
  const ran = from === undefined ? null : (end?.at_ms ?? now.value) - from;
  const wait = waitOf(one, limit),
    isLate = wait !== null && now.value > wait.byMs;
  const name = agencyName(one.agency);
  return (
    <li>
      <b>{name}</b>
      <span>
        {[said("competence", one.government), one.support ? t("clock_support") : "", one.unit]
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
      {at(one, "declined") ? <Tag tone="bad">✕ {t("stage_declined")}</Tag> : null}
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
    from = STAGES.indexOf(last as (typeof STAGES)[number]);
  const next = from < 0 ? [] : STAGES.slice(from + 1);
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
