// Hand-over: what is open and why, who holds it, what the next one must know. Handing over is one act with a note.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Json, Row } from "../api/shapes";
import { ageText, timeText } from "../core/ages";
import { SHAPES } from "../core/marks";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { nameOf, whereOf } from "../queue/row";
import { request } from "../state/acts";
import { now } from "../state/clock";
import { rows } from "../state/desk";
import { people } from "../state/directory";
import { toAlert } from "../state/route";
import { session } from "../state/session";
import { both, lang, said, t } from "../words/words";
import { Page } from "./page";

interface Shift {
  name?: string;
  since_ms?: number | null;
  on_duty?: { login: string; name: string; role: string; since_ms?: number }[];
  last?: { at_ms: number; by: string; to: string; note: string } | null;
}

export function Shift(): JSX.Element {
  const { value, problem, again } = useAsked<Shift>("shift");
  const held = rows.value.filter((row) => row.status !== "open"), untaken = rows.value.filter((row) => row.status === "open");
  const onDuty = value?.on_duty ?? [];
  return (
    <Page title={t("page_shift")} problem={problem}>
      {value?.last ? <p class="note info">{t("shift_last", timeText(value.last.at_ms, now.value, lang.value), value.last.by, value.last.to)}: {plain(value.last.note)}</p> : null}
      {onDuty.length ? <p>{t("on_duty")}: {onDuty.map((one) => `${one.name} (${said("role", one.role)})`).join(", ")}</p> : null}
      <HandOver again={again} held={held.length} />
      <OpenTable title={t("shift_held", held.length)} found={held} />
      <OpenTable title={t("shift_untaken", untaken.length)} found={untaken} />
    </Page>
  );
}

const SHOWN = 200;

function OpenTable({ title, found }: { title: string; found: readonly Row[] }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      <table class="grid">
        <thead><tr><th>{t("level")}</th><th>{t("what")}</th><th>{t("where")}</th><th>{t("state")}</th><th>{t("holds_it")}</th><th>{t("age")}</th><th>{t("why")}</th></tr></thead>
        <tbody>
          {found.slice(0, SHOWN).map((row) => (
            <tr key={row.id}>
              <td class={row.level}><b>{SHAPES[row.level]} {row.level}</b></td>
              <td><button type="button" class="small" onClick={() => toAlert(row.id, true)}>{nameOf(row)}</button></td>
              <td>{whereOf(row)}</td><td>{said("status", row.status)}</td><td>{plain(row.assignee ?? "–", 40)}</td>
              <td>{ageText(row.opened_ms, now.value)}</td><td>{plain(both(row.reasons[0]), 120)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length > SHOWN ? <p class="dim">{t("lines_more", found.length - SHOWN)}</p> : null}
    </section>
  );
}

function HandOver({ again, held }: { again: () => void; held: number }): JSX.Element {
  const [isDone, setDone] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement), body: Json = {};
    for (const [name, value] of data) if (String(value).trim()) body[name] = String(value).trim();
    request("shift/hand-over", body);
    setDone(true);
    setTimeout(again, 1500);
  };
  return (
    <form class="hand-over" onSubmit={submit}>
      <h3>{t("hand_over")}</h3>
      <p class="dim">{t("hand_over_why", held)}</p>
      <div class="row">
        <label>{t("hand_over_to")}
          <input name="to" list="colleagues" required autocomplete="off" maxLength={80} />
          <datalist id="colleagues">{people.value.filter((one) => one.login !== session.value?.login)
            .map((one) => <option key={one.login} value={one.login}>{one.name}</option>)}</datalist>
        </label>
        <label class="wide">{t("hand_over_note")}<textarea name="note" rows={3} required maxLength={2000} /></label>
      </div>
      <div class="row end">
        {isDone ? <span role="status">{t("hand_over_sent")}</span> : null}
        <button type="submit" class="button main">{t("hand_over")}</button>
      </div>
    </form>
  );
}
