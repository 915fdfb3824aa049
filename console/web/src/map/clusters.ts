// Which alerts are drawn alone and which together. P1 with life at risk that nobody took is never put under a number.
import Supercluster from "supercluster";
import type { Level, Row } from "../api/shapes";
import { mustShow } from "../core/queue";

export interface Spot {
  lon: number;
  lat: number;
  level: Level;
  count: number;
  row: Row | null;
}

interface Facts {
  row: Row | null;
  worst: Level;
}

const isLocated = (row: Row): row is Row & { lat: number; lon: number } =>
  !row.silent && typeof row.lat === "number" && typeof row.lon === "number";

/**
 * Never under a number: a P1 with life at risk that nobody took, and a drill, which is no part of a real count. Where
 * all of it is a drill there is no other count.
 */
function aloneIn(rows: readonly Row[]): (row: Row) => boolean {
  const isMixed = rows.some((row) => !row.drill);
  return (row) => (row.level === "P1" && mustShow(row)) || (isMixed && Boolean(row.drill));
}

/** Alone, always: on top of everything else. */
export const pinnedOf = (rows: readonly Row[]): Spot[] =>
  rows
    .filter(aloneIn(rows))
    .filter(isLocated)
    .map((row) => ({ lon: row.lon, lat: row.lat, level: row.level, count: 1, row }));

export class Clusters {
  private index = new Supercluster<Facts, Facts>({ radius: 44, maxZoom: 17, ...worstOf }).load([]);

  load(rows: readonly Row[]): void {
    const isAlone = aloneIn(rows);
    const points = rows
      .filter(isLocated)
      .filter((row) => !isAlone(row))
      .map((row) => ({
        type: "Feature" as const,
        geometry: { type: "Point" as const, coordinates: [row.lon, row.lat] },
        properties: { row, worst: row.level },
      }));
    this.index = new Supercluster<Facts, Facts>({ radius: 44, maxZoom: 17, ...worstOf });
    this.index.load(points);
  }

  spots(bounds: [number, number, number, number], zoom: number): Spot[] {
    return this.index.getClusters(bounds, Math.max(0, Math.floor(zoom))).map((feature) => {
      const [lon = 0, lat = 0] = feature.geometry.coordinates;
      const facts = feature.properties as Facts & { point_count?: number };
      return { lon, lat, level: facts.worst, count: facts.point_count ?? 1, row: facts.row };
    });
  }
}

const worstOf = {
  map: (facts: Facts): Facts => ({ row: null, worst: facts.worst }),
  reduce: (all: Facts, one: Facts): void => {
    if (one.worst < all.worst) all.worst = one.worst;
  },
};

/** How many silent alerts each district has: all that the map knows of them. */
export function silentBy(rows: readonly Row[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const row of rows) if (row.silent && row.district) found.set(row.district, (found.get(row.district) ?? 0) + 1);
  return found;
}
