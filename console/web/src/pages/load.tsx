// Load of the room: what each person holds and what a person can hold. Over ten alerts in ten minutes is a flood (ISA 18.2),
// one in ten minutes is bearable (EEMUA 191).
import type { JSX } from "preact";
import { ageText } from "../core/ages";
import { LEVELS, SHAPES } from "../core/marks";
import { mustShow } from "../core/queue";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { now } from "../state/clock";
import { rows } from "../state/desk";
import { t } from "../words/words";
import { Page } from "./page";

export interface Worker {
  person: string;
  name: string;
  role?: string;
  open: number;
  in_10_min: number;
  acts_10_min?: number;
  longest_ms?: number | null;
}
interface Found { people?: Worker[]; in_10_min?: number; untaken?: number; on_duty?: number }

const FLOOD = 10;
const EVERY_MS = 10_000;

export function Load(): JSX.Element {
  const { value, problem } = useAsked<Found>("load", "", EVERY_MS);
  const people = value?.people ?? heldHere();
  return (
    <Page title={t("page_load")} problem={problem}>
      <Now found={value} />
      <table class="grid">
        <thead><tr><th>{t("person")}</th><th>{t("holds")}</th><th>{t("in_10_min")}</th><th>{t("budget")}</th><th>{t("oldest")}</th></tr></thead>
        <tbody>{people.map((one) => <WorkerRow key={one.person} one={one} />)}</tbody>
      </table>
      <p class="dim">{t("load_why")}</p>
    </Page>
  );
}

function Now({ found }: { found: Found | null }): JSX.Element {
  const all = rows.value, untaken = found?.untaken ?? all.filter(mustShow).length;
  const recent = found?.in_10_min ?? all.filter((row) => now.value - row.opened_ms < 600_000).length;
  return (
    <div class="figures">
      <p class={untaken ? "figure bad" : "figure"}><b>{untaken}</b>{t("untaken")}</p>
      <p class={recent > FLOOD ? "figure bad" : "figure"}><b>{recent > FLOOD ? "▲ " : ""}{recent}</b>{t("opened_10_min")}</p>
      {LEVELS.map((level) => (
        <p key={level} class="figure"><b>{SHAPES[level]} {all.filter((row) => row.level === level).length}</b>{level}</p>
      ))}
    </div>
  );
}

/** What the queue itself tells, while the console says no more. */
function heldHere(): Worker[] {
  const found = new Map<string, Worker>();
  for (const row of rows.value) {
    if (!row.assignee) continue;
    const one = found.get(row.assignee) ?? { person: row.assignee, name: row.assignee, open: 0, in_10_min: 0, longest_ms: null };
    found.set(row.assignee, {
      ...one,
      open: one.open + 1,
      in_10_min: one.in_10_min + (now.value - row.opened_ms < 600_000 ? 1 : 0),
      longest_ms: Math.max(one.longest_ms ?? 0, now.value - row.opened_ms),
    });
  }
  return [...found.values()].sort((a, b) => b.open - a.open);
}

function WorkerRow({ one }: { one: Worker }): JSX.Element {
  const share = Math.min(1, one.in_10_min / FLOOD), isOver = one.in_10_min > FLOOD;
  return (
    <tr>
      <td>{plain(one.name, 60)}</td><td>{one.open}</td><td>{one.in_10_min}</td>
      <td><meter min={0} max={1} low={0.3} high={0.8} optimum={0} value={share} aria-label={t("budget")} />
        {isOver ? <b class="bad"> ▲ {t("flood")}</b> : null}</td>
      <td>{one.longest_ms ? ageText(0, one.longest_ms) : "–"}</td>
    </tr>
  );
}
