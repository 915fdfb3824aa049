// Sound: made by oscillators, no files. A browser keeps it locked until somebody pressed something, and says nothing
// about it: so its state is always on the screen.
import { signal } from "@preact/signals";
import type { Level, Row } from "../api/shapes";
import { keepsRinging, mayRing, PATTERNS, REPEAT_S } from "../core/sound_plan";
import { rows } from "./desk";
import { isTeam } from "./session";

export type SoundState = "on" | "blocked" | "absent";
export const sound = signal<SoundState>("blocked");
/** The repetition rests until then (performance.now()); the first ring of a new alert never does. */
export const quietUntil = signal(0);

let context: AudioContext | null = null;

function update(): void {
  sound.value = !context ? "blocked" : context.state === "running" ? "on" : "blocked";
}

/** Call from a click or a key press: only then may sound start. */
export async function unlockSound(): Promise<void> {
  if (!("AudioContext" in globalThis)) {
    sound.value = "absent";
    return;
  }
  if (!context) {
    context = new AudioContext();
    context.addEventListener("statechange", update);
  }
  await context.resume();
  update();
}

export function startSound(): void {
  void unlockSound().catch(update);
  const unlock = (): void => {
    if (sound.value !== "on") void unlockSound();
  };
  addEventListener("pointerdown", unlock);
  addEventListener("keydown", unlock);
  setInterval(repeat, REPEAT_S * 1000);
}

function repeat(): void {
  if (performance.now() < quietUntil.value) return;
  if (keepsRinging(rows.peek(), isTeam.peek())) play("P1");
}

export function rest(seconds = 120): void {
  quietUntil.value = performance.now() + seconds * 1000;
}

/** Ring once for what is new: the most urgent of it. */
export function announce(fresh: Row[]): void {
  const levels = fresh.filter((row) => mayRing(row, isTeam.peek()) && row.status === "open").map((row) => row.level);
  const worst = levels.sort()[0];
  if (worst && worst <= "P3") play(worst);
}

export function alarm(): void {
  play("P2");
}

function play(level: Level): void {
  if (!context || context.state !== "running") return;
  for (const beep of PATTERNS[level]) {
    const oscillator = context.createOscillator(),
      gain = context.createGain();
    const from = context.currentTime + beep.from_s,
      until = from + beep.for_s;
    oscillator.frequency.value = beep.hz;
    gain.gain.setValueAtTime(0.0001, from);
    gain.gain.exponentialRampToValueAtTime(0.25, from + 0.01);
    gain.gain.setValueAtTime(0.25, until - 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, until);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(from);
    oscillator.stop(until);
  }
}
