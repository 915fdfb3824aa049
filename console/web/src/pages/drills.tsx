// Drills: begun and ended here, with what the room took. Nobody outside hears of one that does not say so.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { ask, newKey } from "../api/http";
import type { Json } from "../api/shapes";
import { Reason } from "../alert/fields";
import { clockText, timeText } from "../core/ages";
import { plain } from "../core/text";
import { Tag } from "../frame/button";
import { useAsked } from "../frame/use_asked";
import { tell } from "../state/acts";
import { districtName, districts } from "../state/city";
import { now } from "../state/clock";
import { personName, types } from "../state/directory";
import { problemText } from "../state/problem_text";
import { toAlert } from "../state/route";
import { role } from "../state/session";
import { lang, t } from "../words/words";
import { Page } from "./page";

interface Took {
  reached: number;
  median_ms: number | null;
  longest_ms: number | null;
}
interface DrillAlert {
  alert_id: string;
  type: string;
  district?: string | null;
  opened_ms?: number | null;
  acknowledged_ms?: number | null;
  dispatched_ms?: number | null;
  assignee?: string | null;
}
interface Drill {
  id: string;
  title: string;
  started_by: string;
  started_ms: number;
  rings: boolean;
  alerts: DrillAlert[];
  to_acknowledge: Took;
  to_dispatch: Took;
  to_scene: Took;
  ended_by?: string | null;
  ended_ms?: number | null;
}

const EVERY_MS = 5_000;
const MOST = 20;
const time = (atMs: number): string => timeText(atMs, now.value, lang.value);

export function Drills(): JSX.Element {
  const { value, problem, again } = useAsked<Drill[]>("drills", "", EVERY_MS);
  const maySet = role.value === "supervisor",
    running = (value ?? []).filter((one) => !one.ended_ms);
  return (
    <Page title={t("page_drills")} problem={problem}>
      <p class="dim">{t("drills_why")}</p>
      {running.map((one) => (
        <Running key={one.id} drill={one} maySet={maySet} again={again} />
      ))}
      {maySet && value && !running.length ? <Begin again={again} /> : null}
      <Past drills={(value ?? []).filter((one) => one.ended_ms)} />
    </Page>
  );
}

async function send(path: string, body: Json, key: string, again: () => void): Promise<boolean> {
  const answer = await ask<Json>("POST", path, { body, key });
  if (!answer.ok) tell(problemText(answer.problem), "bad");
  again();
  return answer.ok;
}

function Running({ drill, maySet, again }: { drill: Drill; maySet: boolean; again: () => void }): JSX.Element {
  const [key] = useState(newKey);
  return (
    <section class="hand-over">
      <p class="banner drill">
        {t("drill_runs", plain(drill.title, 80), time(drill.started_ms), personName(drill.started_by))}{" "}
        {t(drill.rings ? "drill_rings" : "drill_quiet")}
      </p>
      <Figures drill={drill} />
      <Alerts drill={drill} />
      {maySet ? (
        <div class="row end">
          <button
            type="button"
            class="button main"
            onClick={() => void send(`drills/${encodeURIComponent(drill.id)}/end`, {}, key, again)}
          >
            {t("drill_end")}
          </button>
        </div>
      ) : null}
    </section>
  );
}

function Figures({ drill }: { drill: Drill }): JSX.Element {
  const rows = [
    [t("drill_to_acknowledge"), drill.to_acknowledge],
    [t("drill_to_dispatch"), drill.to_dispatch],
    [t("drill_to_scene"), drill.to_scene],
  ] as const;
  return (
    <div class="figures">
      {rows.map(([what, took]) => (
        <p key={what} class="figure">
          <b>{took.median_ms === null || took.median_ms === undefined ? "–" : clockText(took.median_ms)}</b>
          {t("drill_reached", what, took.reached, drill.alerts.length)}
          {took.longest_ms ? <small>{t("drill_longest", clockText(took.longest_ms))}</small> : null}
        </p>
      ))}
    </div>
  );
}

const typeName = (code: string): string => {
  const found = types.value.find((one) => one.code === code);
  return found ? (lang.value === "es" ? found.es : found.en) : code;
};

function Alerts({ drill }: { drill: Drill }): JSX.Element {
  const after = (one: DrillAlert, at?: number | null): string =>
    at && one.opened_ms ? clockText(at - one.opened_ms) : "–";
  return (
    <table class="grid">
      <thead>
        <tr>
          <th>{t("what")}</th>
          <th>{t("where")}</th>
          <th>{t("drill_to_acknowledge")}</th>
          <th>{t("drill_to_dispatch")}</th>
          <th>{t("holds_it")}</th>
        </tr>
      </thead>
      <tbody>
        {drill.alerts.map((one) => (
          <tr key={one.alert_id}>
            <td>
              <button type="button" class="small" onClick={() => toAlert(one.alert_id, true)}>
                {typeName(one.type)}
              </button>
              <Tag tone="drill">{t("drill")}</Tag>
            </td>
            <td>{districtName(one.district ?? null) || "–"}</td>
            <td>{after(one, one.acknowledged_ms)}</td>
            <td>{after(one, one.dispatched_ms)}</td>
            <td>{one.assignee ? personName(one.assignee) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Past({ drills }: { drills: Drill[] }): JSX.Element | null {
  if (!drills.length) return null;
  return (
    <section>
      <h3>{t("drills_past")}</h3>
      {drills.map((one) => (
        <details key={one.id}>
          <summary>
            {plain(one.title, 80)} · {time(one.started_ms)} · {personName(one.started_by)} ·{" "}
            {t("drill_reached", t("drill_to_acknowledge"), one.to_acknowledge.reached, one.alerts.length)}
          </summary>
          <Figures drill={one} />
          <Alerts drill={one} />
        </details>
      ))}
    </section>
  );
}

/** The body of a drill out of its form: `type`, `district` and `text` once for each incident. */
export function drillOf(data: FormData): Json {
  const all = (name: string): string[] => data.getAll(name).map((one) => String(one).trim());
  const [kinds, places, words] = [all("type"), all("district"), all("text")];
  const incidents = kinds
    .map((type, n) => ({ type, place: { district: places[n] ?? "" }, text: words[n] ?? "" }))
    .filter((one) => one.type && one.place.district);
  const body: Json = { title: all("title")[0] ?? "", reason: all("reason")[0] ?? "", incidents };
  if (data.get("rings")) body["rings"] = true;
  return body;
}

function Begin({ again }: { again: () => void }): JSX.Element {
  const [many, setMany] = useState(1);
  const [key, setKey] = useState(newKey);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const isBegun = await send("drills", drillOf(new FormData(form)), key, again);
    // A drill that was refused and is corrected is another one.
    if (!isBegun) setKey(newKey());
  };
  return (
    <form class="hand-over" onSubmit={(event) => void submit(event)}>
      <h3>{t("drill_begin")}</h3>
      <label>
        {t("drill_title")}
        <input name="title" required maxLength={120} autocomplete="off" />
      </label>
      {Array.from({ length: many }, (_, n) => (
        <Incident key={n} />
      ))}
      <button type="button" class="small" disabled={many >= MOST} onClick={() => setMany(many + 1)}>
        {t("drill_one_more")}
      </button>
      <Reason must isFirst={false} />
      <label class="check">
        <input type="checkbox" name="rings" />
        {t("drill_rings_ask")}
      </label>
      <div class="row end">
        <button type="submit" class="button main">
          {t("drill_begin")}
        </button>
      </div>
    </form>
  );
}

function Incident(): JSX.Element {
  return (
    <div class="row">
      <label>
        {t("type")}
        <select name="type" required>
          <option value="">{t("choose")}</option>
          {types.value.map((one) => (
            <option key={one.code} value={one.code}>
              {lang.value === "es" ? one.es : one.en}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("district")}
        <select name="district" required>
          <option value="">{t("choose")}</option>
          {[...districts.value].map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("drill_text")}
        <input name="text" maxLength={300} autocomplete="off" />
      </label>
    </div>
  );
}
