// The queue as this page shows it: rows, what is chosen, what is new, whether somebody is reading.
import { computed, signal } from "@preact/signals";
import type { Row } from "../api/shapes";
import { frozenFrom, listingOf, type Frozen } from "../core/listing";
import { mustShow, Queue } from "../core/queue";
import { overlaid } from "./overlay";
import { route, toAlert } from "./route";

export const queue = new Queue();
const revision = signal(0);
export const opened = signal<ReadonlySet<string>>(new Set());
export const frozen = signal<Frozen | null>(null);
/** Life at risk, came after this page opened, nobody looked at it yet; newest last. */
export const news = signal<readonly string[]>([]);

const READING_MS = 8000;
let thawTimer: ReturnType<typeof setTimeout> | undefined;
let isAsked = false;

/** One drawing a frame, however many changes came. */
function redraw(): void {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(() => {
    isAsked = false;
    revision.value += 1;
  });
}

export const rows = computed<readonly Row[]>(() => {
  void revision.value;
  return queue.inOrder().map(overlaid);
});

export const listing = computed(() => listingOf(rows.value, route.value.filters, opened.value, frozen.value));

export const selectedRow = computed<Row | null>(() => {
  void revision.value;
  const id = route.value.alert,
    row = id ? queue.rows.get(id) : undefined;
  return row ? overlaid(row) : null;
});

export function takeSnapshot(all: Row[], isFirst: boolean): Row[] {
  const fresh = queue.replace(all);
  redraw();
  return isFirst ? [] : noted(fresh);
}

export function takeRows(changed: Row[], gone: string[], isFirst: boolean): Row[] {
  const fresh = changed.filter((row) => queue.apply(row));
  for (const id of gone) queue.remove(id);
  redraw();
  return isFirst ? [] : noted(fresh);
}

function noted(fresh: Row[]): Row[] {
  const urgent = fresh.filter(mustShow).map((row) => row.id);
  const still = news.value.filter((id) => isUntaken(id));
  news.value = [...still, ...urgent];
  return fresh;
}

const isUntaken = (id: string): boolean => {
  const row = queue.rows.get(id);
  return row !== undefined && mustShow(row);
};

/** Somebody moves in the list: nothing moves under him until he rested for some seconds. */
export function reading(): void {
  if (!frozen.value) frozen.value = frozenFrom(listing.peek());
  clearTimeout(thawTimer);
  thawTimer = setTimeout(thaw, READING_MS);
}

export function thaw(): void {
  clearTimeout(thawTimer);
  frozen.value = null;
}

export function toggleLine(key: string): void {
  const next = new Set(opened.value);
  if (!next.delete(key)) next.add(key);
  frozen.value = null;
  opened.value = next;
}

export function choose(id: string): void {
  news.value = news.value.filter((one) => one !== id);
  toAlert(id);
}

export const shownEntries = computed(() => [...listing.value.above, ...listing.value.below]);

/** Move the choice along both lists as one. */
export function step(by: number): void {
  const entries = shownEntries.peek().filter((entry) => !entry.gone);
  if (!entries.length) return;
  reading();
  const at = entries.findIndex((entry) => entry.key === cursor.peek());
  const next = at < 0 ? (by > 0 ? 0 : entries.length - 1) : Math.max(0, Math.min(entries.length - 1, at + by));
  point(entries[next]!.key);
}

/** The row that the keys are on: an alert, or a line of many. */
export const cursor = signal<string | null>(route.value.alert);

export function point(key: string): void {
  cursor.value = key;
  if (queue.rows.has(key)) choose(key);
}

/** To the newest that nobody looked at, else to the most urgent that nobody took. */
export function toNewest(): void {
  const id = [...news.value].reverse().find(isUntaken) ?? listing.peek().above.find((entry) => !entry.gone)?.row.id;
  if (!id) return;
  const row = queue.rows.get(id);
  if (row?.group) opened.value = new Set([...opened.value, `line:${row.group}`]);
  point(id);
}

export function forgetAll(): void {
  queue.replace([]);
  news.value = [];
  thaw();
  redraw();
}

export { redraw };
