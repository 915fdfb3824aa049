// Acts: shown at once, sent with an idempotency key until somebody answered, taken back when refused.
import { signal } from "@preact/signals";
import { ask, isAway, newKey } from "../api/http";
import type { Json, Problem, Row, Status } from "../api/shapes";
import { Outbox, type Keeper, type Reply, type Sent } from "../core/outbox";
import { problemText } from "./problem_text";
import { queue } from "./desk";
import { expect, settle } from "./overlay";
import { expectLine, isLineAct, LINE_MOST, lineSettled } from "./line_acts";
import { personName } from "./directory";
import { session } from "./session";
import { headed, said, t } from "../words/words";
import { now } from "./clock";
import { tell } from "./notes";

export { forget, notes, tell, type Note } from "./notes";
export const unsent = signal(0);

const RESULT: Record<string, Status> = {
  acknowledge: "acknowledged",
  dispatch: "dispatched",
  on_scene: "on_scene",
  close: "closed",
  reopen: "open",
};

const STORE = "cior.outbox";
const keeper: Keeper = {
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(STORE) ?? "[]") as Sent[];
    } catch {
      return [];
    }
  },
  write(all) {
    unsent.value = all.length;
    try {
      sessionStorage.setItem(STORE, JSON.stringify(all));
    } catch {
      // No storage: the acts live as long as the page.
    }
  },
};

async function send(act: Sent): Promise<Reply> {
  const answer = await ask<Json>("POST", act.path, { body: act.body, key: act.key });
  if (answer.ok) return { kind: "accepted", value: answer.value };
  // A session that ended meanwhile: the act waits until the person is back.
  if (answer.problem.status === 401 && answer.problem.code === "session.missing") session.value = null;
  if (isAway(answer.problem)) return { kind: "away" };
  return refusal(answer.problem);
}

function refusal(problem: Problem): Reply {
  const reply: Reply = {
    kind: "refused",
    status: problem.status,
    title: problem.code,
    detail: problemText(problem),
  };
  const found = problem.extra["first"];
  const first = firstOf(found);
  return first ? { ...reply, first, detail: standsAs(found) } : reply;
}

/** What the alert is now, in this screen's language; nothing when the console did not say. */
function standsAs(first: unknown): string {
  const status = first && typeof first === "object" ? (first as Json)["status"] : "";
  return typeof status === "string" && status ? t("act_stands", said("status", status)) : "";
}

/** Who was first, as the console says it: a name, or {name, at_ms …}. */
function firstOf(first: unknown): string {
  if (typeof first === "string") return first;
  if (!first || typeof first !== "object") return "";
  const found = first as Json;
  const who = String(found["who"] ?? "");
  return who ? personName(who) : "";
}

function settled(act: Sent, reply: Reply): void {
  if (reply.kind === "away") {
    if (act.tries === 1) tell(t("act_waits"), "info", act.alertId);
    return;
  }
  if (isLineAct(act)) {
    lineSettled(act, reply);
    return;
  }
  const kind = kindOf(act);
  if (reply.kind === "accepted") {
    tell(t("act_done", kind), "good", act.alertId);
    // It comes back through the log; if it does not, what we expected is withdrawn.
    setTimeout(() => settle(act.key), 10_000);
    return;
  }
  settle(act.key);
  tell(
    reply.first ? t("act_late", kind, reply.first, reply.detail) : t("act_refused", kind, reply.detail),
    "bad",
    act.alertId,
  );
}

/** What is asked elsewhere than of an alert, by its address. */
const KINDS: Record<string, string> = { incidents: "open", posture: "set_posture", "shift/hand-over": "hand_over" };
const kindOf = (act: Sent): string =>
  headed(said("act", String((act.body as Json)["kind"] ?? KINDS[act.path] ?? act.path)));

export const outbox = new Outbox(send, keeper, settled);

export function startOutbox(): void {
  unsent.value = outbox.size;
  void outbox.run();
  addEventListener("online", () => void outbox.run());
}

/** Do `kind` to an alert, as this page saw it. */
export function act(row: Row, kind: string, rest: Json = {}): void {
  const key = newKey(),
    base = queue.rows.get(row.id) ?? row;
  expect({
    key,
    alertId: row.id,
    status: RESULT[kind] ?? null,
    assignee: kind === "acknowledge" ? (session.value?.person_id ?? null) : null,
    version: base.version,
    word: kind,
  });
  const body = { kind, seen_version: base.version, ...rest };
  outbox.add({
    key,
    path: `alerts/${encodeURIComponent(row.id)}/acts`,
    body,
    alertId: row.id,
    atMs: now.peek(),
    tries: 0,
  });
}

/** Take the alerts of a flood's line that were on the screen: one request, one act for each of them. */
export function takeLine(line: string, members: readonly Row[], reason: string): void {
  for (let from = 0; from < members.length; from += LINE_MOST) {
    const key = newKey(),
      some = members.slice(from, from + LINE_MOST);
    expectLine(key, some);
    const body = { alert_ids: some.map((row) => row.id), reason };
    const path = `lines/${encodeURIComponent(line)}/acknowledge`;
    outbox.add({ key, path, body, alertId: null, atMs: now.peek(), tries: 0 });
  }
}

/** What is not done to an alert: an incident opened by hand, the city's posture. */
export function request(path: string, body: Json): void {
  outbox.add({ key: newKey(), path, body, alertId: null, atMs: now.peek(), tries: 0 });
}
