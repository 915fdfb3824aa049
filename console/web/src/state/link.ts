// Whether what is shown is true now: the feed's pulse, and how old the picture is when it stops.
import { computed, signal } from "@preact/signals";
import { now } from "./clock";

const PULSE_MS = 5000;
/** Two missed pulses. */
const LOST_MS = 2 * PULSE_MS + 1500;

export const isOpen = signal(false);
export const isLate = signal(false);
export const heardAtTick = signal<number | null>(null);
/** In the centre's time, for people to read. */
export const heardAtMs = signal<number | null>(null);

const tick = signal(performance.now());
setInterval(() => {
  tick.value = performance.now();
}, 1000);

export function heard(): void {
  heardAtTick.value = performance.now();
  tick.value = performance.now();
  heardAtMs.value = now.peek();
  isOpen.value = true;
}

export const isLost = computed(() => {
  if (heardAtTick.value === null) return false;
  return tick.value - heardAtTick.value > LOST_MS || (!isOpen.value && tick.value - heardAtTick.value > 3000);
});
export const silentForMs = computed(() => (heardAtTick.value === null ? 0 : tick.value - heardAtTick.value));
