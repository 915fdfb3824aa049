// What the form of an agreement says, as the console takes it. Days are the browser's, hours of a day the city's clock.

export interface Terms {
  document: string;
  agency: string;
  purpose: string;
  kinds: string[];
  starts_ms: number;
  ends_ms: number;
  districts?: string[];
  cameras?: string[];
  types?: string[];
  hours?: { since: number; until: number } | null;
}

const DAY = /^(\d{4})-(\d\d)-(\d\d)$/;

/** Midnight of a day, `later` days on; null for what is no day. */
function midnightMs(day: string, later: number): number | null {
  const found = DAY.exec(day);
  if (!found) return null;
  const [year = 0, month = 1, date = 1] = found.slice(1).map(Number);
  return new Date(year, month - 1, date + later).getTime();
}

/** "22:30" as minutes after midnight; null: nothing was written. */
export function minuteOf(time: string): number | null {
  const found = /^(\d\d):(\d\d)/.exec(time);
  return found ? Number(found[1]) * 60 + Number(found[2]) : null;
}

export const timeOf = (minute: number): string =>
  `${String(Math.floor(minute / 60) % 24).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** The terms; null while a day is missing. */
export function termsOf(data: FormData): Terms | null {
  const said = (name: string): string => String(data.get(name) ?? "").trim();
  const all = (name: string): string[] => data.getAll(name).map(String).filter(Boolean);
  const starts = midnightMs(said("starts"), 0),
    ends = midnightMs(said("ends"), 1),
    since = minuteOf(said("since")),
    until = minuteOf(said("until"));
  if (starts === null || ends === null) return null;
  return {
    document: said("document"),
    agency: said("agency"),
    purpose: said("purpose"),
    kinds: all("kinds"),
    starts_ms: starts,
    ends_ms: ends,
    districts: all("districts"),
    cameras: said("cameras").split(/[\s,;]+/).filter(Boolean),
    types: all("types"),
    hours: since === null || until === null ? null : { since, until },
  };
}
