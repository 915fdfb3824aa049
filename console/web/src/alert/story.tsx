// What the protocol asks, who was told, what happened.
import type { JSX } from "preact";
import type { Checklist as Found, Line, Step, Told } from "../api/alert_page";
import type { Row } from "../api/shapes";
import { clockText, timeText } from "../core/ages";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { act } from "../state/acts";
import { now } from "../state/clock";
import { mayAct } from "../state/session";
import { both, lang, said, t } from "../words/words";
import { skipStep } from "./skip_step";

const time = (atMs: number): string => timeText(atMs, now.value, lang.value);
const MARKS: Record<string, string> = { done: "✓", skipped: "–", not_needed: "–", escalated: "▲", failed: "✕", told: "✓" };

export function Checklist({ protocol, row }: { protocol: Found; row: Row }): JSX.Element {
  return (
    <Section title={`${t("protocol")}: ${lang.value === "es" ? protocol.name_es : protocol.name_en} v${protocol.version}`}>
      <ol class="steps">{protocol.steps.map((step) => <StepRow key={step.id} step={step} protocol={protocol.id} row={row} />)}</ol>
    </Section>
  );
}

function StepRow({ step, protocol, row }: { step: Step; protocol: string; row: Row }): JSX.Element {
  const left = step.due_ms == null ? null : step.due_ms - now.value, state = step.state ?? (left === null ? "told" : "waiting");
  const isRunning = left !== null && state === "waiting" && row.status !== "closed", isUrgent = isRunning && left < 30_000;
  const name = `${step.protocol ?? protocol}/${step.id}`;
  const isOpen = mayAct.value && (state === "waiting" || state === "escalated") && step.act === "task" && row.status !== "closed";
  return (
    <li class={`step ${state}`}>
      <span class="mark">{MARKS[state] ?? (isRunning ? "◷" : "·")}</span>
      <span>{plain(both(step), 200)}{step.reason ? <small>{plain(step.reason, 160)}</small> : null}</span>
      <span class="dim">
        {isRunning ? <span class={isUrgent ? "timer bad" : "timer"}>{isUrgent ? "▲ " : ""}{clockText(left)}</span> : said("step", state)}
        {step.at_ms ? ` ${time(step.at_ms)}` : ""}{step.by ? ` ${step.by}` : ""}
        {isOpen ? (
          <>
            {" "}<button type="button" class="small" onClick={() => act(row, "step_done", { step: name })}>{t("step_do")}</button>
            {" "}<button type="button" class="small" onClick={() => skipStep(row, name)}>{t("step_skip")}</button>
          </>
        ) : null}
      </span>
    </li>
  );
}

export function ToldTo({ told }: { told: Told[] }): JSX.Element | null {
  if (!told.length) return null;
  return (
    <Section title={t("told_to")} count={told.length}>
      <ul class="told">
        {told.map((one) => (
          <li key={one.command_id}>
            {time(one.issued_ms)} {said("command", one.kind)} <b>{plain(one.target, 60)}</b>{" "}
            <Outcome outcome={one.outcome ?? null} />{one.answered_ms ? ` ${time(one.answered_ms)}` : ""}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Outcome({ outcome }: { outcome: string | null }): JSX.Element {
  if (outcome === null) return <Tag>… {t("told_waiting")}</Tag>;
  const isGood = outcome === "done" || outcome === "accepted";
  return <Tag tone={isGood ? "good" : "bad"}>{isGood ? "✓" : "✕"} {said("told", outcome)}</Tag>;
}

const LINES_FIRST = 60;

export function Timeline({ lines, isWhole }: { lines: Line[]; isWhole: boolean }): JSX.Element {
  const newest = [...lines].reverse(), shown = newest.slice(0, LINES_FIRST);
  return (
    <Section title={t("timeline")} count={lines.length}>
      {isWhole ? null : <p class="banner warn">{t("story_partly")}</p>}
      <ol class="timeline">
        {shown.map((line) => (
          <li key={line.id}>
            <time>{time(line.at_ms)}</time>
            <span>{plain(both(line)) || line.kind}</span>
            <span class="dim">{plain(line.actor, 40)}</span>
          </li>
        ))}
      </ol>
      {newest.length > shown.length ? <p class="dim">{t("lines_more", newest.length - shown.length)}</p> : null}
    </Section>
  );
}
