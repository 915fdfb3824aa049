// Civil time of a zone: what a wall clock's words mean there. An hour that came twice has two readings, one that was
// skipped has none (RFC 9557 calls the choice "disambiguation"); nothing is guessed.
import { localeOf, type Language } from "./ages";

/** One meaning of a local time: an instant, and how far the zone is ahead of UTC then. */
export interface Reading {
  atMs: number;
  offsetMin: number;
}

const MINUTE_MS = 60_000,
  DAY_MS = 86_400_000;
const WRITTEN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?$/;
const made = new Map<string, Intl.DateTimeFormat>();

function partsOf(zone: string): Intl.DateTimeFormat {
  const kept = made.get(zone);
  if (kept) return kept;
  const fresh = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  made.set(zone, fresh);
  return fresh;
}

/** What a clock there shows, as if it were UTC: milliseconds. */
function wallMs(atMs: number, zone: string): number {
  const told = Object.fromEntries(partsOf(zone).formatToParts(atMs).map((part) => [part.type, Number(part.value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = told as Record<string, number>;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Minutes that the zone is ahead of UTC at an instant. */
export const offsetMinutes = (atMs: number, zone: string): number =>
  Math.round((wallMs(atMs, zone) - Math.floor(atMs / 1000) * 1000) / MINUTE_MS);

/** What "2026-03-05T21:00" (seconds may follow) means there, the earlier first; none: no clock ever showed it. */
export function readingsOf(local: string, zone: string): Reading[] {
  const found = WRITTEN.exec(local);
  if (!found) return [];
  const parts = found.slice(1).map((part) => Number(part ?? 0));
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(wall).toISOString().slice(0, 10) !== local.slice(0, 10)) return [];
  const offsets = new Set([wall - DAY_MS, wall, wall + DAY_MS].map((near) => offsetMinutes(near, zone)));
  return [...offsets]
    .map((offsetMin) => ({ atMs: wall - offsetMin * MINUTE_MS, offsetMin }))
    .filter((one) => offsetMinutes(one.atMs, zone) === one.offsetMin)
    .sort((a, b) => a.atMs - b.atMs);
}

/** "-03:00". */
export function offsetText(offsetMin: number): string {
  const size = Math.abs(offsetMin),
    two = (n: number): string => String(n).padStart(2, "0");
  return `${offsetMin < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The instant as it is sent (RFC 3339), with its offset. */
export const rfc3339Of = (one: Reading): string =>
  new Date(one.atMs + one.offsetMin * MINUTE_MS).toISOString().slice(0, 19) + offsetText(one.offsetMin);

/** An instant as people of that zone read it, its offset plainly said: "jue, 5 mar 2026, 21:00:00 (UTC-03:00)". */
export function zonedText(atMs: number, zone: string, lang: Language): string {
  const told = new Date(atMs).toLocaleString(localeOf(lang), {
    timeZone: zone,
    hour12: false,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return `${told} (UTC${offsetText(offsetMinutes(atMs, zone))})`;
}

/** The same in UTC, short: "2026-03-06 00:00:00 UTC". */
export const utcText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
