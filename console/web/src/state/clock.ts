// The centre's time, and a tick a second for what counts.
import { signal } from "@preact/signals";
import { CentreClock } from "../core/ages";

export const clock = new CentreClock();
export const now = signal(clock.now());

/** What the centre says that its time is. */
export function setCentreTime(nowMs: number): void {
  clock.set(nowMs);
  now.value = nowMs;
}

export function startClock(): void {
  const tick = (): void => {
    now.value = clock.now();
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
