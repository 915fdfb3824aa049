// What is told to the person at the desk about what they did.
import { signal } from "@preact/signals";
import { now } from "./clock";

export interface Note {
  id: number;
  text: string;
  tone: "good" | "bad" | "info";
  alertId: string | null;
  atMs: number;
}
export const notes = signal<readonly Note[]>([]);

let counter = 0;
export function tell(text: string, tone: Note["tone"], alertId: string | null = null): void {
  notes.value = [...notes.value.slice(-4), { id: (counter += 1), text, tone, alertId, atMs: now.peek() }];
}
export function forget(id: number): void {
  notes.value = notes.value.filter((one) => one.id !== id);
}
