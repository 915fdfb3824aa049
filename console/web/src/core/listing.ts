// From the queue to what stands on the screen: two lists. Above, life at risk that nobody took: no filter, fold or
// freeze takes a row out of it. Below, the rest, filtered. While somebody reads, no row moves: the order that was on
// the screen stays, what came since is added at the end above and counted below.
import type { Row } from "../api/shapes";
import { mustShow } from "./queue";

export interface Filters {
  district: string;
  type: string;
  source: string;
  words: string;
}
export const NO_FILTERS: Filters = { district: "", type: "", source: "", words: "" };

export interface Entry {
  key: string;
  row: Row;
  /** More than one: a line of alerts that core put together. */
  members: Row[];
  isOpen: boolean;
  inLine: boolean;
  /** It left the queue while somebody reads: its place stays until the reading ends. */
  gone: boolean;
}

export interface Listing {
  above: Entry[];
  below: Entry[];
  /** How many came since the reader began to read and wait for a place. */
  waiting: number;
  /** How many the filters leave out below. */
  filtered: number;
}

export interface Frozen {
  above: readonly Entry[];
  below: readonly Entry[];
}

export const lineKey = (group: string): string => `line:${group}`;

export function passes(row: Row, filters: Filters): boolean {
  if (filters.district && (row.district ?? "") !== filters.district) return false;
  if (filters.type && (row.type ?? row.name_es) !== filters.type) return false;
  if (filters.source && !(row.source_names ?? []).includes(filters.source)) return false;
  if (!filters.words) return true;
  const text = `${row.id} ${row.name_es} ${row.name_en} ${row.district ?? ""} ${row.assignee ?? ""}`;
  return text.toLocaleLowerCase().includes(filters.words.toLocaleLowerCase());
}

/** Put what shares a line under one entry, where its first member stands. */
function entriesOf(rows: Row[], opened: ReadonlySet<string>): Entry[] {
  const lines = new Map<string, Row[]>();
  for (const row of rows) {
    if (!row.group) continue;
    const members = lines.get(row.group);
    if (members) members.push(row);
    else lines.set(row.group, [row]);
  }
  const entries: Entry[] = [];
  for (const row of rows) {
    const members = row.group ? (lines.get(row.group) ?? [row]) : [row];
    if (members.length < 2) entries.push(single(row));
    else if (members[0] === row) entries.push(...lineOf(members, opened));
  }
  return entries;
}

function lineOf(members: Row[], opened: ReadonlySet<string>): Entry[] {
  const row = members[0]!,
    key = lineKey(row.group!),
    isOpen = opened.has(key);
  const head = { key, row, members, isOpen, inLine: false, gone: false };
  return isOpen ? [head, ...members.map((member) => ({ ...single(member), inLine: true }))] : [head];
}

const single = (row: Row): Entry => ({ key: row.id, row, members: [row], isOpen: false, inLine: false, gone: false });

/** `entries` in the places of `before`: what is gone keeps its place, what is new comes last or waits. */
function held(entries: Entry[], before: readonly Entry[], addNew: boolean): { kept: Entry[]; news: number } {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const kept: Entry[] = [];
  for (const old of before) {
    kept.push(byKey.get(old.key) ?? { ...old, gone: true });
    byKey.delete(old.key);
  }
  if (addNew) kept.push(...byKey.values());
  return { kept, news: byKey.size };
}

export function listingOf(
  rows: readonly Row[],
  filters: Filters,
  opened: ReadonlySet<string>,
  frozen: Frozen | null = null,
): Listing {
  const urgent: Row[] = [],
    rest: Row[] = [];
  const pinned = frozen ? new Set(frozen.above.map((entry) => entry.key)) : null;
  let filtered = 0;
  for (const row of rows) {
    // Who took a row keeps it where it stands until the reading ends.
    if (mustShow(row) || pinned?.has(row.id)) urgent.push(row);
    else if (passes(row, filters)) rest.push(row);
    else filtered += 1;
  }
  const above = entriesOf(urgent, opened),
    below = entriesOf(rest, opened);
  if (!frozen) return { above, below, waiting: 0, filtered };
  const up = held(above, frozen.above, true),
    down = held(below, frozen.below, false);
  return { above: up.kept, below: down.kept, waiting: down.news, filtered };
}

export const frozenFrom = (listing: Listing): Frozen => ({ above: listing.above, below: listing.below });
