// Where one is signed in, and the way to end each; one's second factors.
import type { JSX } from "preact";
import { ask } from "../api/http";
import type { Json } from "../api/shapes";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { tell } from "../state/acts";
import { now } from "../state/clock";
import { stopFeed } from "../state/live";
import { problemText } from "../state/problem_text";
import { askSession, role } from "../state/session";
import { lang, said, t } from "../words/words";
import { Displays } from "./displays";
import { Page } from "./page";
import { RecoveryCodes } from "./recovery_codes";

interface SessionRow {
  id: string;
  label: string;
  role: string;
  kind: string;
  created_ms: number;
  expires_ms: number;
  is_this: boolean;
}

export function Sessions(): JSX.Element {
  const { value, problem, again } = useAsked<SessionRow[] | { sessions: SessionRow[] }>("sessions");
  const rows = Array.isArray(value) ? value : (value?.sessions ?? []);
  const end = async (row: SessionRow): Promise<void> => {
    const answer = await ask<Json>("DELETE", `sessions/${encodeURIComponent(row.id)}`);
    if (!answer.ok) tell(problemText(answer.problem), "bad");
    if (row.is_this && answer.ok) {
      stopFeed();
      await askSession();
    } else again();
  };
  const at = (ms: number): string => timeText(ms, now.value, lang.value);
  return (
    <Page title={t("page_sessions")} problem={problem}>
      <p class="dim">{t("sessions_why")}</p>
      <table class="grid">
        <thead>
          <tr>
            <th>{t("device")}</th>
            <th>{t("role")}</th>
            <th>{t("since_head")}</th>
            <th>{t("until_head")}</th>
            <th>{t("acts")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>
                {plain(row.label || row.kind, 80)}
                {row.is_this ? <b> · {t("this_one")}</b> : null}
              </td>
              <td>{said("role", row.role)}</td>
              <td>{at(row.created_ms)}</td>
              <td>{at(row.expires_ms)}</td>
              <td>
                <button type="button" class="button" onClick={() => void end(row)}>
                  {t("end_session")}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <RecoveryCodes />
      {role.value === "supervisor" || role.value === "engineer" ? <Displays /> : null}
    </Page>
  );
}
