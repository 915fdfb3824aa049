// How instants are said. `now_ms` is always the centre's time, never this machine's.

export type Language = "es" | "en";

export const localeOf = (lang: Language): string => (lang === "es" ? "es-AR" : "en-GB");

/** Time since: "42 s", "7 min", "3 h 05 min", "2 d 4 h". Never below zero, whatever clocks say. */
export function ageText(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 24) return `${hours} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A clock that runs down: "1:05", or "-0:30" when it is over. */
export function clockText(leftMs: number): string {
  const seconds = Math.abs(Math.trunc(leftMs / 1000));
  const sign = leftMs < 0 ? "-" : "";
  const hours = Math.floor(seconds / 3600),
    minutes = Math.floor((seconds % 3600) / 60);
  const tail = String(seconds % 60).padStart(2, "0");
  if (hours === 0) return `${sign}${minutes}:${tail}`;
  return `${sign}${hours}:${String(minutes).padStart(2, "0")}:${tail}`;
}

/** The time of day, and the day too when it is not today's: past midnight "23:58:10" alone would lie. */
export function timeText(atMs: number, nowMs: number, lang: Language): string {
  const at = new Date(atMs),
    now = new Date(nowMs),
    locale = localeOf(lang);
  const time = at.toLocaleTimeString(locale, { hour12: false });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString(locale, { day: "numeric", month: "short" })} ${time}`;
}

export function distanceText(metres: number): string {
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** The centre's clock, as this page knows it: a monotonic one, so that a change of this machine's time moves nothing. */
export class CentreClock {
  private offsetMs: number;

  constructor(
    private readonly tick: () => number = () => performance.now(),
    wall: () => number = () => Date.now(),
  ) {
    this.offsetMs = wall() - tick();
  }

  set(nowMs: number): void {
    this.offsetMs = nowMs - this.tick();
  }

  now(): number {
    return this.offsetMs + this.tick();
  }
}
