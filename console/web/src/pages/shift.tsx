// Hand-over: what is open and why, who holds it, what the next one must know. A post is handed over in one act, with what
// is open there.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json, Row } from "../api/shapes";
import { Colleagues } from "../alert/fields";
import { ageText, timeText } from "../core/ages";
import { SHAPES } from "../core/marks";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { nameOf, whereOf } from "../queue/row";
import { request, tell } from "../state/acts";
import { now } from "../state/clock";
import { rows } from "../state/desk";
import { personName } from "../state/directory";
import { problemText } from "../state/problem_text";
import { toAlert } from "../state/route";
import { session } from "../state/session";
import { both, lang, said, t } from "../words/words";
import { Page } from "./page";

interface Seat {
  id: string;
  post: string;
  person_id: string;
  role: string;
  started_ms: number;
}
interface Told {
  id: string;
  post: string;
  from_id: string;
  to_id: string;
  at_ms: number;
  note?: string;
}
interface ShiftPage {
  now_ms: number;
  present: Seat[];
  hand_overs: Told[];
}

const time = (atMs: number): string => timeText(atMs, now.value, lang.value);

export function Shift(): JSX.Element {
  const { value, problem, again } = useAsked<ShiftPage>("shift");
  const held = rows.value.filter((row) => row.status !== "open"),
    untaken = rows.value.filter((row) => row.status === "open");
  const mine = value?.present.find((seat) => seat.person_id === session.value?.person_id) ?? null;
  return (
    <Page title={t("page_shift")} problem={problem}>
      <Seats present={value?.present ?? []} />
      {mine ? <HandOver seat={mine} again={again} /> : <TakePost again={again} />}
      <HandOvers told={value?.hand_overs ?? []} />
      <OpenTable title={t("shift_held", held.length)} found={held} />
      <OpenTable title={t("shift_untaken", untaken.length)} found={untaken} />
    </Page>
  );
}

function Seats({ present }: { present: Seat[] }): JSX.Element {
  if (!present.length)
    return (
      <p class="dim">
        {t("on_duty")}: {t("nobody")}
      </p>
    );
  return (
    <p>
      {t("on_duty")}:{" "}
      {present
        .map(
          (seat) =>
            `${seat.post}: ${personName(seat.person_id)} (${said("role", seat.role)}, ${time(seat.started_ms)})`,
        )
        .join(" · ")}
    </p>
  );
}

function HandOvers({ told }: { told: Told[] }): JSX.Element {
  return (
    <>
      {told.slice(0, 3).map((one) => (
        <p key={one.id} class="note">
          <span>
            {t("shift_last", time(one.at_ms), personName(one.from_id), personName(one.to_id))} · {plain(one.post, 60)}
            : {plain(one.note ?? "")}
          </span>
        </p>
      ))}
    </>
  );
}

function TakePost({ again }: { again: () => void }): JSX.Element {
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get("post") ?? "").trim();
    const answer = await post<Json>("shift", { post: name });
    if (!answer.ok) tell(problemText(answer.problem), "bad");
    again();
  };
  return (
    <form class="hand-over" onSubmit={(event) => void submit(event)}>
      <h3>{t("take_post")}</h3>
      <p class="dim">{t("hand_over_lacks")}</p>
      <div class="row">
        <label>
          {t("post")}
          <input name="post" required maxLength={60} autocomplete="off" />
        </label>
        <button type="submit" class="button main">
          {t("take_post")}
        </button>
      </div>
    </form>
  );
}

/** What goes along: the alerts that this person has, each with the first reason that it stands for. */
function openAlerts(): Json[] {
  return rows.value
    .filter((row) => row.assignee === session.value?.person_id)
    .slice(0, 500)
    .map((row) => ({ alert_id: row.id, why: plain(both(row.reasons[0]) || said("status", row.status), 200) }));
}

function HandOver({ seat, again }: { seat: Seat; again: () => void }): JSX.Element {
  const [isDone, setDone] = useState(false);
  const held = openAlerts();
  const submit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(data.get(name) ?? "").trim();
    request("shift/hand-over", {
      post: seat.post,
      assignee: text("assignee"),
      reason: text("reason"),
      open_alerts: held,
    });
    setDone(true);
    setTimeout(again, 1500);
  };
  return (
    <form class="hand-over" onSubmit={submit}>
      <h3>
        {t("hand_over")} · {plain(seat.post, 60)}
      </h3>
      <p class="dim">{t("hand_over_why", held.length)}</p>
      <div class="row">
        <label>
          {t("hand_over_to")}
          <select name="assignee" required>
            <Colleagues isOthers />
          </select>
        </label>
        <label class="wide">
          {t("hand_over_note")}
          <textarea name="reason" rows={3} required maxLength={500} />
        </label>
      </div>
      <div class="row end">
        {isDone ? <span role="status">{t("hand_over_sent")}</span> : null}
        <button type="submit" class="button main">
          {t("hand_over")}
        </button>
      </div>
    </form>
  );
}

const SHOWN = 200;

function OpenTable({ title, found }: { title: string; found: readonly Row[] }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      <table class="grid">
        <thead>
          <tr>
            <th>{t("level")}</th>
            <th>{t("what")}</th>
            <th>{t("where")}</th>
            <th>{t("state")}</th>
            <th>{t("holds_it")}</th>
            <th>{t("age")}</th>
            <th>{t("why")}</th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, SHOWN).map((row) => (
            <OpenRow key={row.id} row={row} />
          ))}
        </tbody>
      </table>
      {found.length > SHOWN ? <p class="dim">{t("lines_more", found.length - SHOWN)}</p> : null}
    </section>
  );
}

function OpenRow({ row }: { row: Row }): JSX.Element {
  return (
    <tr>
      <td class={row.level}>
        <b>
          {SHAPES[row.level]} {row.level}
        </b>
      </td>
      <td>
        <button type="button" class="small" onClick={() => toAlert(row.id, true)}>
          {nameOf(row)}
        </button>
      </td>
      <td>{whereOf(row)}</td>
      <td>{said("status", row.status)}</td>
      <td>{row.assignee ? personName(row.assignee) : "–"}</td>
      <td>{ageText(row.opened_ms, now.value)}</td>
      <td>{plain(both(row.reasons[0]), 120)}</td>
    </tr>
  );
}
