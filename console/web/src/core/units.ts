// The agencies' units (patrol cars, ambulances): where each said last that it is, and how much that is worth by now.
import { metresApart } from "./geometry";

export interface Unit {
  id: string;
  name: string;
  agency: string;
  kind: string;
  lat: number;
  lon: number;
  district: string;
  seen_ms: number;
  fresh_s: number;
  drill?: boolean;
}

/** Whether what it said last is still where it is. */
export const isFresh = (unit: Unit, nowMs: number): boolean => nowMs - unit.seen_ms <= unit.fresh_s * 1000;

const folded = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\s._-]/g, "")
    .toLowerCase();

/** The unit that somebody wrote down for a dispatch: by its id or its name, however it was spelt. */
export function unitOf(units: readonly Unit[], written: string | undefined): Unit | undefined {
  const wanted = folded(written ?? "");
  return wanted ? units.find((unit) => folded(unit.id) === wanted || folded(unit.name) === wanted) : undefined;
}

export interface NearUnit {
  unit: Unit;
  metres: number | null;
  isFresh: boolean;
}

/** Who is nearest to a place; those of which nothing was heard lately come after all others, wherever they were. */
export function nearest(
  units: readonly Unit[],
  place: { lat?: number | null; lon?: number | null },
  nowMs: number,
): NearUnit[] {
  const { lat, lon } = place;
  return units
    .map((unit) => ({
      unit,
      metres: lat == null || lon == null ? null : metresApart({ lat, lon }, unit),
      isFresh: isFresh(unit, nowMs),
    }))
    .sort(
      (a, b) =>
        Number(b.isFresh) - Number(a.isFresh) ||
        (a.metres ?? 0) - (b.metres ?? 0) ||
        a.unit.name.localeCompare(b.unit.name),
    );
}
