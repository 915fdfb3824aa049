// A team's shifts as their form has them, and as the console takes them. Pure.

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];

export interface Turn {
  people: string[];
  deputies?: string[];
}
export interface Shift extends Turn {
  days?: Day[];
  starts: string;
  ends: string;
}
export interface Cover extends Turn {
  starts: string;
  ends: string;
  reason?: string;
}
export interface Team {
  id: string;
  name_es: string;
  name_en: string;
  sealed?: boolean;
  otherwise?: string;
  shift?: Shift[];
  cover?: Cover[];
}
export interface Written {
  team: Team;
  is_fallback: boolean;
}

export const NEW_SHIFT: Shift = { days: [...DAYS], starts: "08:00", ends: "20:00", people: [], deputies: [] };

/** A name that the directory takes, out of what somebody wrote. */
export const teamId = (text: string): string =>
  text
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, "_")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 64);

/** What is sent of a team: without its id, which is in the address; a time of the city is `HH:MM` or has no offset. */
export function bodyOf(written: Written): Record<string, unknown> {
  const { id: _id, ...team } = written.team;
  return {
    ...team,
    is_fallback: written.is_fallback,
    shift: (team.shift ?? []).map((one) => ({ ...one, days: one.days ?? [...DAYS] })),
    cover: (team.cover ?? []).map((one) => ({ ...one, starts: whole(one.starts), ends: whole(one.ends) })),
  };
}

/** A browser leaves seconds out of a local time. */
const whole = (local: string): string => (/T\d\d:\d\d$/.test(local) ? `${local}:00` : local);

/** Why it cannot be sent yet; null when it can. */
export function lackOf(written: Written): "name" | "people" | "time" | null {
  const { team } = written;
  if (!team.id || !team.name_es.trim() || !team.name_en.trim()) return "name";
  for (const one of [...(team.shift ?? []), ...(team.cover ?? [])]) {
    if (!one.people.length) return "people";
    if (!one.starts || !one.ends) return "time";
  }
  return null;
}

/** `list` with the one at `at` changed; without it when it is changed into nothing. */
export const changed = <T>(list: readonly T[], at: number, into: T | null): T[] =>
  list.flatMap((one, place) => (place !== at ? [one] : into === null ? [] : [into]));
