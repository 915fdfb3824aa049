// A flood's line taken in one go: what this page expects of each alert, and what became of them.
import type { Json, Row } from "../api/shapes";
import type { Reply, Sent } from "../core/outbox";
import { notTakenText } from "../core/line_answer";
import { lang, t } from "../words/words";
import { personName } from "./directory";
import { tell } from "./notes";
import { expectAll, settleAll } from "./overlay";
import { session } from "./session";

/** The most that the console takes in one request. */
export const LINE_MOST = 500;

export const isLineAct = (act: Sent): boolean => act.path.startsWith("lines/");

const keyOf = (key: string, id: string): string => `${key}/${id}`;

export function expectLine(key: string, members: readonly Row[]): void {
  const assignee = session.value?.person_id ?? null;
  expectAll(
    members.map((row) => ({
      key: keyOf(key, row.id),
      alertId: row.id,
      status: "acknowledged" as const,
      assignee,
      version: row.version,
      word: "acknowledge",
    })),
  );
}

const idsOf = (act: Sent): string[] => ((act.body as Json)["alert_ids"] as string[] | undefined) ?? [];

export function lineSettled(act: Sent, reply: Exclude<Reply, { kind: "away" }>): void {
  const keys = idsOf(act).map((id) => keyOf(act.key, id));
  if (reply.kind === "refused") {
    settleAll(keys);
    tell(t("act_refused", t("line_take"), reply.detail), "bad");
    return;
  }
  const { taken, notTaken } = answerOf(reply.value);
  settleAll(notTaken.map((one) => keyOf(act.key, one.alert_id)));
  tell(t("line_taken", taken, keys.length), taken ? "good" : "bad");
  const left = notTakenText(notTaken, lang.value, personName);
  if (left) tell(t("line_not_taken", notTaken.length, left), "bad");
  // They come back through the log; what does not is withdrawn.
  setTimeout(() => settleAll(keys), 10_000);
}

interface NotTaken {
  alert_id: string;
  es: string;
  en: string;
  first?: { who: string } | null;
}

function answerOf(value: unknown): { taken: number; notTaken: NotTaken[] } {
  const found = (value ?? {}) as { taken?: unknown[]; not_taken?: NotTaken[] };
  return { taken: found.taken?.length ?? 0, notTaken: found.not_taken ?? [] };
}
