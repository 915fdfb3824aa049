// Maintenance silences: who is not rung about what, why, until when; what each hid so far, one key press away; a new one,
// and the end of one before its time.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { ask, newKey } from "../api/http";
import { ageText, timeText } from "../core/ages";
import { silenceOf, type Scope } from "../core/silences";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { Reason } from "../alert/fields";
import { tell } from "../state/acts";
import { districtName, districts } from "../state/city";
import { now } from "../state/clock";
import { personName, types } from "../state/directory";
import { problemText } from "../state/problem_text";
import { toAlert } from "../state/route";
import { may } from "../state/session";
import { lang, said, t } from "../words/words";
import { Page } from "./page";

interface Hidden {
  id: string;
  status?: string | null;
  level?: string | null;
  name_es?: string;
  name_en?: string;
  district?: string | null;
  opened_ms?: number | null;
}
interface Silence {
  id: string;
  scope: Scope;
  by: string;
  reason: string;
  since_ms: number;
  until_ms: number;
  held_back: number;
  hidden?: Hidden[];
  elsewhere?: number;
  ended_ms?: number | null;
  ended_by?: string;
  ending?: string;
}
interface Found {
  now_ms: number;
  lasting: Silence[];
  ended: Silence[];
}

const EVERY_MS = 30_000;
/** The centre answers before the list of silences has the new one. */
const SOON_MS = 700;
const HOURS = [0.5, 1, 2, 4, 8] as const;
const time = (atMs: number): string => timeText(atMs, now.value, lang.value);
const makes = (): boolean => may("silence.begin");

export function Silences(): JSX.Element {
  const { value, problem, again } = useAsked<Found>("silences", "", EVERY_MS);
  const soon = (): void => {
    setTimeout(again, SOON_MS);
  };
  const lasting = value?.lasting ?? [],
    ended = value?.ended ?? [];
  return (
    <Page title={t("page_silences")} problem={problem}>
      <p class="dim">{t("silences_why")}</p>
      {value && !lasting.length ? <p class="calm">✓ {t("silences_none")}</p> : null}
      {lasting.map((one) => (
        <Card key={one.id} one={one} soon={soon} />
      ))}
      {makes() ? <Begin soon={soon} /> : null}
      {ended.length ? <h3>{t("silences_over")}</h3> : null}
      {ended.map((one) => (
        <Card key={one.id} one={one} soon={soon} />
      ))}
    </Page>
  );
}

function wordsOf(scope: Scope): string {
  const typeName = (code: string): string => {
    const found = types.value.find((one) => one.code === code);
    return found ? (lang.value === "es" ? found.es : found.en) : code;
  };
  return [
    ...(scope.devices ?? []).map((id) => `${t("device")} ${plain(id, 60)}`),
    ...(scope.blocks ?? []).map((id) => `${t("block")} ${plain(id, 60)}`),
    ...(scope.types ?? []).map(typeName),
    ...(scope.districts ?? []).map((id) => `${t("district")} ${districtName(id)}`),
  ].join(" · ");
}

function Card({ one, soon }: { one: Silence; soon: () => void }): JSX.Element {
  const hidden = one.hidden ?? [],
    all = hidden.length + (one.elsewhere ?? 0),
    lasts = !one.ended_ms;
  return (
    <section class={lasts ? "section silence" : "section silence over"} aria-label={wordsOf(one.scope)}>
      <div class="row between">
        <h3>{wordsOf(one.scope)}</h3>
        {lasts && makes() ? <EndIt id={one.id} soon={soon} /> : null}
      </div>
      <p>
        {lasts
          ? t("silence_until", personName(one.by), time(one.until_ms), ageText(now.value, one.until_ms))
          : t("silence_was", personName(one.by), time(one.since_ms), time(one.ended_ms ?? 0))}
        : {plain(one.reason, 300)}
        {one.ending ? ` · ${said("ending", one.ending)}` : ""}
      </p>
      <details>
        <summary>{t("silence_hid", all, one.held_back)}</summary>
        <ul class="links">
          {hidden.map((alert) => (
            <li key={alert.id}>
              <button type="button" class="small" onClick={() => toAlert(alert.id, true)}>
                {hiddenText(alert)}
              </button>
            </li>
          ))}
        </ul>
        {one.elsewhere ? <p class="dim">{t("silence_elsewhere", one.elsewhere)}</p> : null}
      </details>
    </section>
  );
}

function hiddenText(alert: Hidden): string {
  if (!alert.status) return t("silence_gone", alert.id.slice(0, 12));
  const name = lang.value === "es" ? alert.name_es : alert.name_en;
  return [alert.level, name, districtName(alert.district ?? null), said("status", alert.status), time(alert.opened_ms ?? 0)]
    .filter(Boolean)
    .join(" · ");
}

function EndIt({ id, soon }: { id: string; soon: () => void }): JSX.Element {
  const [key] = useState(newKey);
  const end = async (): Promise<void> => {
    const answer = await ask("DELETE", `silences/${encodeURIComponent(id)}`, { key });
    tell(answer.ok ? t("silence_end_done") : problemText(answer.problem), answer.ok ? "good" : "bad");
    soon();
  };
  return (
    <button type="button" class="button" onClick={() => void end()}>
      {t("silence_end")}
    </button>
  );
}

/** A new one. The key stays until somebody answered, so that pressing twice is once. */
function Begin({ soon }: { soon: () => void }): JSX.Element {
  const [key, setKey] = useState(newKey);
  const [lacks, setLacks] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const body = silenceOf(new FormData(form), now.value);
    setLacks(body === null);
    if (body === null) return;
    const answer = await ask("POST", "silences", { body, key });
    tell(answer.ok ? t("silence_begun") : problemText(answer.problem), answer.ok ? "good" : "bad");
    if (!answer.ok) return;
    setKey(newKey());
    form.reset();
    soon();
  };
  return (
    <form class="hand-over" onSubmit={(event) => void submit(event)}>
      <h3>{t("silence_new")}</h3>
      <p class="dim">{t("silence_never")}</p>
      <div class="row">
        <label>
          {t("silence_devices")}
          <input name="devices" maxLength={2000} autocomplete="off" placeholder="panel:1001" />
        </label>
        <label>
          {t("silence_blocks")}
          <input name="blocks" maxLength={2000} autocomplete="off" />
        </label>
        <label>
          {t("district")}
          <select name="districts" multiple size={3}>
            {[...districts.value].map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("type")}
          <select name="types" multiple size={3}>
            {types.value.map((one) => (
              <option key={one.code} value={one.code}>
                {lang.value === "es" ? one.es : one.en}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("until")}
          <select name="hours">
            {HOURS.map((hours) => (
              <option key={hours} value={hours} selected={hours === 1}>
                {t("hours_n", hours)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Reason must isFirst={false} />
      {lacks ? (
        <p class="banner bad" role="alert">
          ✕ {t("silence_lacks")}
        </p>
      ) : null}
      <div class="row end">
        <button type="submit" class="button main">
          {t("silence_begin")}
        </button>
      </div>
    </form>
  );
}
