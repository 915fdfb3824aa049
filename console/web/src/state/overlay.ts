// What was done here and has not come back through the log yet is shown at once, and marked as on its way.
import { computed, signal } from "@preact/signals";
import type { Row, Status } from "../api/shapes";

export interface Pending {
  key: string;
  alertId: string;
  status: Status | null;
  assignee: string | null;
  version: number;
  word: string;
}

export const pending = signal<ReadonlyMap<string, Pending>>(new Map());

/** By alert: a line of hundreds is taken in one go, and every row asks. */
const ofAlert = computed<ReadonlyMap<string, Pending[]>>(() => {
  const found = new Map<string, Pending[]>();
  for (const one of pending.value.values()) found.set(one.alertId, [...(found.get(one.alertId) ?? []), one]);
  return found;
});

export const expect = (one: Pending): void => expectAll([one]);

export function expectAll(all: readonly Pending[]): void {
  pending.value = new Map([...pending.value, ...all.map((one) => [one.key, one] as const)]);
}

export const settle = (key: string): void => settleAll([key]);

export function settleAll(keys: readonly string[]): void {
  const next = new Map(pending.value);
  if (keys.filter((key) => next.delete(key)).length) pending.value = next;
}

/** Newer states of alerts came: they tell more than what we expected. */
export function seen(rows: readonly Row[]): void {
  const known = rows.flatMap((row) => pendingOf(row.id).filter((one) => row.version > one.version));
  if (known.length) settleAll(known.map((one) => one.key));
}

export const pendingOf = (id: string): Pending[] => ofAlert.value.get(id) ?? [];

export function overlaid(row: Row): Row {
  let shown = row;
  for (const one of pendingOf(row.id))
    shown = { ...shown, status: one.status ?? shown.status, assignee: one.assignee ?? shown.assignee ?? null };
  return shown;
}
