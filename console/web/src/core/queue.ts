// Every open alert that the server sent, in the server's order. Nothing here computes a level or leaves one out.
import type { Row } from "../api/shapes";

export function compareOrder(a: Row, b: Row): number {
  const length = Math.min(a.order.length, b.order.length);
  for (let at = 0; at < length; at++) {
    const left = a.order[at]!,
      right = b.order[at]!;
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Life at risk that nobody took: what nothing may hide (law 16). */
export const mustShow = (row: Row): boolean => Boolean(row.life_safety) && row.status === "open";

export class Queue {
  readonly rows = new Map<string, Row>();
  private sorted: Row[] = [];

  /** Take the server's whole picture; the rows that were not here before (none of them news at a first picture). */
  replace(rows: Row[]): Row[] {
    const fresh = rows.filter((row) => !this.rows.has(row.id));
    this.rows.clear();
    for (const row of rows) this.rows.set(row.id, row);
    this.sorted = [...rows].sort(compareOrder);
    return fresh;
  }

  /** Take one new state; whether the alert was not here before. An older version changes nothing. */
  apply(row: Row): boolean {
    const before = this.rows.get(row.id);
    if (before && before.version > row.version) return false;
    if (before) this.cut(before);
    this.rows.set(row.id, row);
    this.sorted.splice(this.place(row), 0, row);
    return before === undefined;
  }

  remove(id: string): void {
    const before = this.rows.get(id);
    if (before) this.cut(before);
    this.rows.delete(id);
  }

  inOrder(): readonly Row[] {
    return this.sorted;
  }

  private place(row: Row): number {
    let low = 0,
      high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareOrder(this.sorted[middle]!, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private cut(row: Row): void {
    const at = this.place(row);
    if (this.sorted[at]?.id === row.id) this.sorted.splice(at, 1);
  }
}
