// Rows for tests.
import type { Row } from "../src/api/shapes";

export const NOW_MS = 1_795_000_000_000;

export function row(id: string, change: Partial<Row> = {}): Row {
  const rank = Number((change.level ?? "P3")[1]);
  return {
    id,
    version: 1,
    level: "P3",
    order: [rank, 0, id],
    status: "open",
    type: "alarm.community",
    name_es: "Alarma comunitaria",
    name_en: "Community alarm",
    district: "centro",
    opened_ms: NOW_MS,
    updated_ms: NOW_MS,
    sources: 1,
    signals: 1,
    reasons: [{ code: "base", points: 40, es: "alarma", en: "alarm" }],
    lat: -32.95,
    lon: -60.64,
    life_safety: false,
    source_names: ["dc09"],
    ...change,
  };
}

export const press = (id: string, change: Partial<Row> = {}): Row =>
  row(id, { level: "P1", life_safety: true, type: "transit.panic.bus", name_es: "Pánico en colectivo", ...change });
