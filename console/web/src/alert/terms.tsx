// Why this level: the sum, term by term.
import type { JSX } from "preact";
import type { Level, Reason } from "../api/shapes";
import { SHAPES } from "../core/marks";
import { plain } from "../core/text";
import { Section } from "../frame/button";
import { both, t } from "../words/words";

export function Terms({
  reasons,
  level,
  score,
}: {
  reasons: Reason[];
  level: Level;
  score: number | null;
}): JSX.Element {
  const counted = reasons.filter((reason) => reason.points !== 0),
    told = reasons.filter((reason) => reason.points === 0);
  return (
    <Section title={t("why")}>
      {reasons.length ? null : <p class="dim">{t("why_hidden")}</p>}
      <table class="terms">
        <tbody>
          {counted.map((reason) => (
            <tr key={reason.code + reason.points}>
              <td class="points">
                {reason.points > 0 ? "+" : ""}
                {reason.points}
              </td>
              <td>{plain(both(reason), 240)}</td>
            </tr>
          ))}
          {score === null ? null : (
            <tr class="total">
              <td class="points">{score}</td>
              <td>
                = {SHAPES[level]} {level}
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {told.length ? (
        <ul class="told">
          {told.map((reason, at) => (
            <li key={reason.code + at}>{plain(both(reason), 240)}</li>
          ))}
        </ul>
      ) : null}
    </Section>
  );
}
