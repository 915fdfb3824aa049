// What a request asks for: every chosen camera in every interval; and which of its items are on hold.
import { metresApart } from "./geometry";
import { rfc3339Of, type Reading } from "./zoned";

export interface Item {
  camera: string;
  since: string;
  until: string;
}
export interface Interval {
  since: Reading;
  until: Reading;
}

/** The most items of one request, as the console takes them. */
export const MOST_ITEMS = 200;

export const itemsOf = (cameras: readonly string[], intervals: readonly Interval[]): Item[] =>
  intervals.flatMap(({ since, until }) =>
    cameras.map((camera) => ({ camera, since: rfc3339Of(since), until: rfc3339Of(until) })),
  );

/** The ids of all that stand at most `metres` from a point, the nearest first. */
export function within<T extends { id: string; lat: number; lon: number }>(
  cameras: readonly T[],
  at: { lat: number; lon: number },
  metres: number,
): string[] {
  return cameras
    .map((camera) => ({ id: camera.id, apart: metresApart(camera, at) }))
    .filter((one) => one.apart <= metres)
    .sort((a, b) => a.apart - b.apart)
    .map((one) => one.id);
}

export interface Kept {
  cameras: readonly string[];
  since: string;
  until: string;
  expires_ms?: number | null;
  released_ms?: number | null;
}
export type Held = "whole" | "part" | "none";

/** How much of an interval of a camera is on hold now. Holds that touch count together. */
export function heldOf(
  camera: string,
  span: { since: string; until: string },
  holds: readonly Kept[],
  nowMs: number,
): Held {
  const since = Date.parse(span.since),
    until = Date.parse(span.until);
  const standing = holds
    .filter((one) => one.cameras.includes(camera) && !one.released_ms && (one.expires_ms ?? nowMs) >= nowMs)
    .map((one) => ({ since: Date.parse(one.since), until: Date.parse(one.until) }))
    .sort((a, b) => a.since - b.since);
  let reached = since,
    touches = false;
  for (const one of standing) {
    touches ||= one.since < until && one.until > since;
    if (one.since <= reached) reached = Math.max(reached, one.until);
  }
  return reached >= until ? "whole" : touches ? "part" : "none";
}

/** A digest as it is read aloud and compared: eight by eight. */
export const grouped = (digest: string): string => digest.match(/.{1,8}/g)?.join(" ") ?? "";

/** Whether what somebody typed is the digest, or its first group at least: who signs for it must have seen it. */
export function isSeen(typed: string, digest: string): boolean {
  const plain = typed.replace(/\s+/g, "").toLowerCase();
  return plain.length >= 8 && digest.startsWith(plain);
}

export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes,
    at = 0;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${at ? size.toFixed(1) : size} ${units[at]}`;
}
