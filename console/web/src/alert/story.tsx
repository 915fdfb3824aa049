// What the protocol asks, who was told, what happened.
import type { JSX } from "preact";
import type { Line, Step, Told } from "../api/alert_page";
import type { Row } from "../api/shapes";
import { clockText, timeText } from "../core/ages";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { act } from "../state/acts";
import { now } from "../state/clock";
import { mayAct } from "../state/session";
import { both, lang, said, t } from "../words/words";
import { personName } from "../state/directory";
import { skipStep } from "./skip_step";

const time = (atMs: number): string => timeText(atMs, now.value, lang.value);
const MARKS: Record<string, string> = {
  done: "✓",
  skipped: "–",
  not_needed: "–",
  escalated: "▲",
  failed: "✕",
  told: "✓",
};

export function Checklist({ steps, protocols, row }: { steps: Step[]; protocols: string[]; row: Row }): JSX.Element {
  const names = protocols.map((one) => one.replace("@", " v")).join(", ");
  return (
    <Section title={`${t("protocol")} ${names}`}>
      <ol class="steps">
        {steps.map((step) => (
          <StepRow key={step.step} step={step} row={row} />
        ))}
      </ol>
    </Section>
  );
}

function StepRow({ step, row }: { step: Step; row: Row }): JSX.Element {
  const isLive = row.status !== "closed" && row.status !== "merged";
  const isForPeople = step.outcome === "waiting" || step.outcome === "escalated" || step.act === "task";
  const canDo =
    mayAct.value && isLive && isForPeople && step.outcome !== "skipped" && !(step.outcome === "done" && step.by);
  return (
    <li class={`step ${step.outcome}`}>
      <span class="mark">{MARKS[step.outcome] ?? "·"}</span>
      <span>
        {plain(both(step), 200)}
        {step.reason ? <small>{plain(step.reason, 160)}</small> : null}
      </span>
      <span class="dim">
        <Timer step={step} isLive={isLive} />
        {canDo ? (
          <>
            {" "}
            <button type="button" class="small" onClick={() => act(row, "step_done", { step: step.step })}>
              {t("step_do")}
            </button>{" "}
            <button type="button" class="small" onClick={() => skipStep(row, step.step)}>
              {t("step_skip")}
            </button>
          </>
        ) : null}
      </span>
    </li>
  );
}

/** What is due runs down; what was done says when and by whom. */
function Timer({ step, isLive }: { step: Step; isLive: boolean }): JSX.Element {
  const left = step.due_ms == null ? null : step.due_ms - now.value;
  if (step.outcome === "open" && left !== null && isLive) {
    const isUrgent = left < 30_000;
    return (
      <span class={isUrgent ? "timer bad" : "timer"}>
        {isUrgent ? "▲ " : "◷ "}
        {clockText(left)}
      </span>
    );
  }
  const who = step.by ? ` ${personName(step.by)}` : "";
  return <>{`${said("step", step.outcome)}${step.at_ms ? ` ${time(step.at_ms)}` : ""}${who}`}</>;
}

export function ToldTo({ told }: { told: Told[] }): JSX.Element | null {
  if (!told.length) return null;
  return (
    <Section title={t("told_to")} count={told.length}>
      <ul class="told">
        {told.map((one) => (
          <li key={one.command_id}>
            {time(one.issued_ms)} {one.step === FEEDBACK ? t("told_sender") : said("command", one.kind)} <b>{plain(one.target, 60)}</b>{" "}
            <Outcome outcome={one.outcome ?? null} detail={one.detail ?? ""} />
            {one.answered_ms ? ` ${time(one.answered_ms)}` : ""}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The step by which whoever called hears how it ended. */
const FEEDBACK = "feedback";

/** What whoever obeys a command answers when it is a drill's, and nobody outside was told. */
const QUIET_DRILL = "drill.quiet";

function Outcome({ outcome, detail }: { outcome: string | null; detail: string }): JSX.Element {
  if (detail === QUIET_DRILL) return <Tag tone="drill">{t("told_quiet")}</Tag>;
  if (outcome === null) return <Tag>… {t("told_waiting")}</Tag>;
  const isGood = outcome === "done" || outcome === "accepted";
  return (
    <Tag tone={isGood ? "good" : "bad"}>
      {isGood ? "✓" : "✕"} {said("told", outcome)}
    </Tag>
  );
}

const LINES_FIRST = 60;

export function Timeline({ lines, isWhole }: { lines: Line[]; isWhole: boolean }): JSX.Element {
  const newest = [...lines].reverse(),
    shown = newest.slice(0, LINES_FIRST);
  return (
    <Section title={t("timeline")} count={lines.length}>
      {isWhole ? null : <p class="banner warn">{t("story_partly")}</p>}
      <ol class="timeline">
        {shown.map((line) => (
          <li key={line.id}>
            <time>{time(line.at_ms)}</time>
            <span>{plain(both(line)) || line.kind}</span>
            <span class="dim">{personName(line.actor)}</span>
          </li>
        ))}
      </ol>
      {newest.length > shown.length ? <p class="dim">{t("lines_more", newest.length - shown.length)}</p> : null}
    </Section>
  );
}
