// Who is on duty now, of every team that protocols tell; who hands their duty to whom; what nobody covers. How people are
// reached is shown to nobody.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json } from "../api/shapes";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { Reason } from "../alert/fields";
import { tell } from "../state/acts";
import { now } from "../state/clock";
import { people as everybody } from "../state/directory";
import { problemText } from "../state/problem_text";
import { may, session } from "../state/session";
import { lang, t } from "../words/words";
import { DutyTeams } from "./duty_teams";
import { Page } from "./page";

export interface Colleague {
  id: string;
  name: string;
  login: string;
}
interface TeamNow {
  id: string;
  es: string;
  en: string;
  sealed: boolean;
  people: Colleague[];
  deputies: Colleague[];
  until_ms?: number | null;
  instead?: Colleague[];
}
interface Found {
  now_ms: number;
  teams: TeamNow[];
  gaps: { team: string; from_ms: number; to_ms: number }[];
  unkept: string[];
}

const EVERY_MS = 60_000;
const GAPS_SHOWN = 12;
const time = (atMs: number): string => timeText(atMs, now.value, lang.value);
const names = (found: readonly Colleague[]): string => found.map((one) => plain(one.name, 60)).join(", ");
const nameOf = (team: TeamNow): string => plain(lang.value === "es" ? team.es : team.en, 80);

export function Duty(): JSX.Element {
  const { value, problem, again } = useAsked<Found>("duty", "", EVERY_MS);
  const teams = value?.teams ?? [];
  return (
    <Page title={t("page_duty")} problem={problem}>
      {value?.unkept.length ? (
        <p class="banner warn">▲ {t("duty_unkept", value.unkept.map((one) => plain(one, 60)).join(", "))}</p>
      ) : null}
      <Now teams={teams} />
      <HandOver teams={teams} again={again} />
      <Gaps gaps={value?.gaps ?? []} teams={teams} />
      {may("duty.write") ? <DutyTeams again={again} /> : null}
    </Page>
  );
}

function Now({ teams }: { teams: TeamNow[] }): JSX.Element {
  if (!teams.length) return <p class="dim">{t("duty_none")}</p>;
  return (
    <table class="grid">
      <thead>
        <tr>
          <th>{t("duty_team")}</th>
          <th>{t("duty_people")}</th>
          <th>{t("duty_deputies")}</th>
          <th>{t("until_head")}</th>
        </tr>
      </thead>
      <tbody>
        {teams.map((team) => (
          <tr key={team.id}>
            <td>
              {nameOf(team)}
              {team.sealed ? <small> {t("sealed")}</small> : null}
            </td>
            <td>
              {team.people.length ? (
                names(team.people)
              ) : (
                <b>▲ {t("duty_nobody", names(team.instead ?? []) || t("nobody"))}</b>
              )}
            </td>
            <td>{names(team.deputies) || "–"}</td>
            <td>{team.until_ms ? time(team.until_ms) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface Held {
  team: TeamNow;
  person: Colleague;
}

/** The duties that this person may hand over: their own, of a supervisor everybody's. */
function held(teams: TeamNow[]): Held[] {
  const mine = session.value?.person_id;
  return teams.flatMap((team) =>
    team.people
      .filter((person) => person.id === mine || may("duty.write"))
      .map((person) => ({ team, person })),
  );
}

function HandOver({ teams, again }: { teams: TeamNow[]; again: () => void }): JSX.Element | null {
  const [isSending, setSending] = useState(false);
  const found = held(teams);
  if (!found.length) return null;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement,
      data = new FormData(form);
    const one = found[Number(data.get("which"))];
    if (!one) return;
    setSending(true);
    const body = { to: data.get("to"), reason: String(data.get("reason") ?? "").trim(), person: one.person.id };
    const answer = await post<Json>(`duty/teams/${encodeURIComponent(one.team.id)}/hand-over`, body);
    setSending(false);
    tell(answer.ok ? t("duty_handed") : problemText(answer.problem), answer.ok ? "good" : "bad");
    if (answer.ok) form.reset();
    again();
  };
  return (
    <form class="hand-over" onSubmit={(event) => void submit(event)}>
      <h3>{t("duty_hand_over")}</h3>
      <p class="dim">{t("duty_hand_over_why")}</p>
      <div class="row">
        <label>
          {t("duty_which")}
          <select name="which" required>
            {found.map((one, at) => (
              <option key={one.team.id + one.person.id} value={at}>
                {nameOf(one.team)}: {plain(one.person.name, 60)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("hand_over_to")}
          <select name="to" required>
            <option value="">{t("choose")}</option>
            {everybody.value.map((one) => (
              <option key={one.id} value={one.id}>
                {plain(one.name, 60)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Reason must isFirst={false} />
      <div class="row end">
        <button type="submit" class="button main" disabled={isSending}>
          {t("duty_hand_over")}
        </button>
      </div>
    </form>
  );
}

function Gaps({ gaps, teams }: { gaps: Found["gaps"]; teams: TeamNow[] }): JSX.Element | null {
  if (!gaps.length) return null;
  const name = (id: string): string => {
    const team = teams.find((one) => one.id === id);
    return team ? nameOf(team) : id;
  };
  return (
    <section class="section">
      <h3>{t("duty_gaps", gaps.length)}</h3>
      <ul class="told">
        {gaps.slice(0, GAPS_SHOWN).map((gap) => (
          <li key={`${gap.team}${gap.from_ms}`}>▲ {t("duty_gap", name(gap.team), time(gap.from_ms), time(gap.to_ms))}</li>
        ))}
      </ul>
      {gaps.length > GAPS_SHOWN ? <p class="dim">{t("lines_more", gaps.length - GAPS_SHOWN)}</p> : null}
    </section>
  );
}
