// A level is told by shape, word and colour, never by colour alone.
import type { Level } from "../api/shapes";

export const SHAPES: Record<Level, string> = { P1: "■", P2: "▲", P3: "◆", P4: "●", P5: "○" };
export const LEVELS: readonly Level[] = ["P1", "P2", "P3", "P4", "P5"];
export const toneOf = (row: { level: Level; silent?: boolean }): string => (row.silent ? "silent" : row.level);
