// A maintenance silence as its form says it. Pure.

export interface Scope {
  devices?: string[];
  blocks?: string[];
  districts?: string[];
  types?: string[];
}

export interface NewSilence extends Scope {
  reason: string;
  until_ms: number;
}

const HOUR_MS = 3_600_000;
/** A minute less than the eight hours that the centre allows: clocks differ. */
const LONGEST_MS = 8 * HOUR_MS - 60_000;

const listed = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\s,;]+/)
      .map((each) => each.trim())
      .filter(Boolean),
  ),
];

/** What the form asks for; null when it names nothing, or says no reason. */
export function silenceOf(data: FormData, nowMs: number): NewSilence | null {
  const text = (name: string): string => String(data.get(name) ?? "").trim();
  const all = (name: string): string[] => data.getAll(name).map(String).filter(Boolean);
  const scope: Scope = {
    devices: listed(text("devices")),
    blocks: listed(text("blocks")),
    districts: all("districts"),
    types: all("types"),
  };
  const reason = text("reason"),
    lastsMs = Math.min(Number(text("hours")) * HOUR_MS, LONGEST_MS);
  if (!reason || !(lastsMs > 0) || !Object.values(scope).some((names: string[]) => names.length)) return null;
  return { ...scope, reason, until_ms: Math.round(nowMs + lastsMs) };
}
