// Cameras, agencies, members, links, notes of one alert.
import type { JSX } from "preact";
import type { AlertPage, Member, NearCamera } from "../api/alert_page";
import type { CameraState } from "../api/tables";
import { ageText, distanceText, timeText } from "../core/ages";
import type { Row } from "../api/shapes";
import { plain } from "../core/text";
import { Player, wanted } from "../footage/player";
import { around } from "../footage/view";
import { Section, Tag } from "../frame/button";
import { now } from "../state/clock";
import { queue } from "../state/desk";
import { act } from "../state/acts";
import { personName } from "../state/directory";
import { toAlert, toPage } from "../state/route";
import { may } from "../state/session";
import { nameOf } from "../queue/row";
import { lang, said, t } from "../words/words";

const time = (atMs: number): string => timeText(atMs, now.value, lang.value);

export function Cameras({ cameras, row }: { cameras: NearCamera[]; row: Row }): JSX.Element {
  return (
    <Section title={t("cameras")}>
      {cameras.length ? null : <p class="dim">{t("no_cameras")}</p>}
      <ul class="cameras">
        {cameras.map((camera) => (
          <li key={camera.id} class={camera.sees ? "sees" : ""}>
            <b>{plain(camera.name, 60)}</b>
            <span>{distanceText(camera.distance_m)}</span>
            <Tag tone={camera.sees ? "good" : ""}>{camera.sees ? t("sees") : t("sees_not")}</Tag>
            <Health health={camera.health} />
            {may("footage.open") ? <Watch camera={camera} row={row} /> : null}
          </li>
        ))}
      </ul>
      <Player alertId={row.id} />
    </Section>
  );
}

/** What the camera shows now, and what it showed around the alert. */
function Watch({ camera, row }: { camera: NearCamera; row: Row }): JSX.Element {
  const asked = { camera: camera.id, name: camera.name, alertId: row.id, atMs: row.opened_ms };
  const name = plain(camera.name, 60);
  return (
    <span class="watch">
      <button
        type="button"
        class="small"
        aria-label={`${t("footage_live")}: ${name}`}
        onClick={() => {
          wanted.value = asked;
        }}
      >
        {t("footage_live")}
      </button>
      <button
        type="button"
        class="small"
        aria-label={`${t("footage_clip")}: ${name}`}
        onClick={() => {
          wanted.value = around(asked);
        }}
      >
        {t("footage_clip")}
      </button>
    </span>
  );
}

function Health({ health }: { health: CameraState }): JSX.Element {
  if (health === "unknown") return <Tag>? {t("health_unknown")}</Tag>;
  const isGood = health === "good";
  return (
    <Tag tone={isGood ? "good" : "bad"}>
      {isGood ? "✓" : "✕"} {said("health", health)}
    </Tag>
  );
}

const MEMBERS_FIRST = 25;

export function Members({ members }: { members: Member[] }): JSX.Element {
  const shown = members.slice(0, MEMBERS_FIRST),
    left = members.length - shown.length;
  return (
    <Section title={t("members")} count={members.length}>
      <table class="members">
        <thead>
          <tr>
            <th>{t("what")}</th>
            <th>{t("source")}</th>
            <th>{t("at")}</th>
            <th>{t("apart")}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((member) => (
            <tr key={member.event_id}>
              <td>
                {lang.value === "es" ? member.name_es : member.name_en}
                {member.summary ? <small>{plain(member.summary, 160)}</small> : null}
              </td>
              <td>
                {plain(member.source ?? "", 60)}
                {member.subject ? <small>{plain(member.subject, 60)}</small> : null}
              </td>
              <td>{time(member.occurred_ms)}</td>
              <td>{apartOf(member)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 ? <p class="dim">{t("members_more", left)}</p> : null}
    </Section>
  );
}

function apartOf(member: Member): string {
  const parts: string[] = [];
  if (member.distance_m != null) parts.push(distanceText(member.distance_m));
  parts.push(`${member.after_s >= 0 ? "+" : "−"}${ageText(0, Math.abs(member.after_s) * 1000)}`);
  return parts.join(" · ");
}

/** Who muted it and what that hid; with the way back, one press away. */
export function Suppressed({ page, row }: { page: AlertPage; row: Row }): JSX.Element | null {
  const found = page.suppression;
  if (!found) return null;
  const hid = (page.members ?? []).filter((member) => found.events?.includes(member.event_id));
  const mayEnd = may("silence.begin");
  return (
    <div class="banner warn">
      <p>
        {t("suppressed_by", personName(found.by), time(found.until_ms), found.hidden)}: {plain(found.reason, 200)}
      </p>
      {hid.length ? (
        <details>
          <summary>{t("suppressed_hid", found.hidden)}</summary>
          <ul class="told">
            {hid.map((member) => (
              <li key={member.event_id}>
                {time(member.received_ms)} · {lang.value === "es" ? member.name_es : member.name_en} ·{" "}
                {plain(member.source ?? "", 60)}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
      <div class="row">
        {mayEnd ? (
          <button type="button" class="small" onClick={() => act(row, "unsuppress")}>
            {t("do_unsuppress")}
          </button>
        ) : null}
        {found.silence ? (
          <button type="button" class="small" onClick={() => toPage("silences")}>
            {t("suppressed_of_silence")}
          </button>
        ) : null}
      </div>
    </div>
  );
}

export function Links({ page }: { page: AlertPage }): JSX.Element | null {
  const links = (page.links ?? []).map((id) => ({ id, word: "linked" }));
  if (page.merged_into) links.push({ id: page.merged_into, word: "merged_into" });
  for (const id of page.absorbed ?? []) links.push({ id, word: "absorbed" });
  if (!links.length) return null;
  return (
    <Section title={t("links")}>
      <ul class="links">
        {links.map(({ id, word }) => {
          const row = queue.rows.get(id);
          return (
            <li key={word + id}>
              <button type="button" class="small" onClick={() => toAlert(id, true)}>
                {said("link", word)}: {row ? nameOf(row) : id.slice(0, 12)}
              </button>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

export function Notes({ notes }: { notes: string[] }): JSX.Element | null {
  if (!notes.length) return null;
  return (
    <Section title={t("notes_of")} count={notes.length}>
      <ul class="told">
        {notes.map((note, at) => (
          <li key={at}>{plain(note)}</li>
        ))}
      </ul>
    </Section>
  );
}
