// What was done here and has not come back through the log yet is shown at once, and marked as on its way.
import { signal } from "@preact/signals";
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

export function expect(one: Pending): void {
  pending.value = new Map([...pending.value, [one.key, one]]);
}

export function settle(key: string): void {
  const next = new Map(pending.value);
  if (next.delete(key)) pending.value = next;
}

/** A newer state of an alert came: it tells more than what we expected. */
export function seen(row: Row): void {
  for (const one of pending.value.values()) if (one.alertId === row.id && row.version > one.version) settle(one.key);
}

export const pendingOf = (id: string): Pending[] => [...pending.value.values()].filter((one) => one.alertId === id);

export function overlaid(row: Row): Row {
  const all = pending.value;
  if (!all.size) return row;
  let shown = row;
  for (const one of all.values()) {
    if (one.alertId !== row.id) continue;
    shown = { ...shown, status: one.status ?? shown.status, assignee: one.assignee ?? shown.assignee ?? null };
  }
  return shown;
}
