// What rings: patterns by level, told apart with closed eyes. Frequencies in Hz, times in seconds.
import type { Level, Row } from "../api/shapes";
import { mustShow } from "./queue";

export interface Beep {
  hz: number;
  from_s: number;
  for_s: number;
}

const beeps = (hz: number[], each_s: number): Beep[] =>
  hz.map((one, at) => ({ hz: one, from_s: at * each_s, for_s: each_s * 0.8 }));

export const PATTERNS: Record<Level, Beep[]> = {
  P1: beeps([880, 660, 880, 660, 880, 660], 0.14),
  P2: beeps([660, 660, 660], 0.2),
  P3: beeps([520, 520], 0.25),
  P4: beeps([440], 0.2),
  P5: beeps([330], 0.15),
};

export const REPEAT_S = 5;

/** Silent alarms ring for nobody but the response team: a room that rings tells who stands beside the victim. */
export const mayRing = (row: Row, isTeam: boolean): boolean => !row.silent || isTeam;

/** Whether the pattern goes on: a P1 with life at risk that nobody took. */
export function keepsRinging(rows: Iterable<Row>, isTeam: boolean): boolean {
  for (const row of rows) if (row.level === "P1" && mustShow(row) && !row.drill && mayRing(row, isTeam)) return true;
  return false;
}
