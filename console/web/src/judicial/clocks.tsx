// A request's state and its clocks, in words.
import type { JSX } from "preact";
import type { RequestLine, Said } from "../api/judicial";
import { ageText } from "../core/ages";
import { plain } from "../core/text";
import { Tag } from "../frame/button";
import { now } from "../state/clock";
import { cureOf, localText, saying } from "../state/judicial";
import { said, t } from "../words/words";

const BAD = new Set(["rechazada", "caduca", "observada"]),
  GOOD = new Set(["sellada", "entregada", "acusada", "cerrada"]);

export function State({ line }: { line: RequestLine }): JSX.Element {
  const tone = BAD.has(line.state) ? "bad" : GOOD.has(line.state) ? "good" : "";
  return (
    <span class="states">
      <Tag tone={tone}>{said("request_state", line.state)}</Tag>
      {line.answer ? <Tag>{said("request_answer", line.answer)}</Tag> : null}
      {line.sealed ? <Tag tone="bad">{t("request_is_sealed")}</Tag> : null}
      {line.identity ? <Tag tone="bad">{t("request_is_identity")}</Tag> : null}
      {line.drill ? <Tag tone="drill">{t("request_drill")}</Tag> : null}
      {line.wanted ? <Tag>{t("request_wanted", line.wanted)}</Tag> : null}
    </span>
  );
}

/** When the answer is due, and when ordinary retention would have taken the first of what is asked. */
export function Clocks({ line }: { line: RequestLine }): JSX.Element {
  const isOver = line.answer != null || ["caduca", "reemplazada", "cerrada"].includes(line.state);
  return (
    <dl class="clocks">
      <Clock name={t("request_deadline")} atMs={line.deadline_ms} none={t("request_deadline_none")} runs={!isOver} />
      <Clock name={t("request_expiry")} atMs={line.expiry_ms} none={t("request_expiry_none")} runs={false} />
      {line.lapses_ms ? <Clock name={t("request_lapses")} atMs={line.lapses_ms} none="" runs={!isOver} /> : null}
    </dl>
  );
}

function Clock({
  name,
  atMs,
  none,
  runs,
}: {
  name: string;
  atMs: number | null | undefined;
  none: string;
  runs: boolean;
}): JSX.Element {
  const isLate = runs && atMs != null && atMs < now.value;
  return (
    <div>
      <dt>{name}</dt>
      <dd class={isLate ? "bad" : ""}>
        {atMs == null ? none : localText(atMs)}
        {runs && atMs != null ? (
          <b>
            {" · "}
            {isLate ? `▲ ${t("request_late", ageText(atMs, now.value))}` : t("request_left", ageText(now.value, atMs))}
          </b>
        ) : null}
      </dd>
    </div>
  );
}

/** A reason with its article, and what to do about it. */
export function Reason({ reason }: { reason: Said }): JSX.Element {
  const cure = cureOf(reason);
  return (
    <p class="reason">
      {plain(saying(reason), 1000)}
      {reason.article ? <small> {plain(reason.article, 200)}</small> : null}
      {cure ? (
        <span class="cure">
          <b>{t("request_cure")}:</b> {plain(cure, 1000)}
        </span>
      ) : null}
    </p>
  );
}
