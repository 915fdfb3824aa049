// The keyboard: one table, from which the handler and the visible map both come.

export type Command =
  | "next"
  | "previous"
  | "first"
  | "last"
  | "newest"
  | "open_line"
  | "acknowledge"
  | "assign"
  | "dispatch"
  | "on_scene"
  | "close"
  | "note"
  | "merge"
  | "unmerge"
  | "suppress"
  | "hold"
  | "reclassify"
  | "move"
  | "reopen"
  | "siren_confirm"
  | "siren_cancel"
  | "open"
  | "posture"
  | "confirm"
  | "filter"
  | "back"
  | "help"
  | "quiet"
  | "sealed";

export interface Shortcut {
  key: string;
  command: Command;
  shown: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: "ArrowDown", command: "next", shown: "↓" },
  { key: "j", command: "next", shown: "J" },
  { key: "ArrowUp", command: "previous", shown: "↑" },
  { key: "k", command: "previous", shown: "K" },
  { key: "Home", command: "first", shown: "Inicio/Home" },
  { key: "End", command: "last", shown: "Fin/End" },
  { key: "n", command: "newest", shown: "N" },
  { key: "Enter", command: "open_line", shown: "↵" },
  { key: "a", command: "acknowledge", shown: "A" },
  { key: "g", command: "assign", shown: "G" },
  { key: "d", command: "dispatch", shown: "D" },
  { key: "l", command: "on_scene", shown: "L" },
  { key: "c", command: "close", shown: "C" },
  { key: "o", command: "note", shown: "O" },
  { key: "v", command: "confirm", shown: "V" },
  { key: "m", command: "merge", shown: "M" },
  { key: "u", command: "unmerge", shown: "U" },
  { key: "s", command: "suppress", shown: "S" },
  { key: "h", command: "hold", shown: "H" },
  { key: "t", command: "reclassify", shown: "T" },
  { key: "w", command: "move", shown: "W" },
  { key: "r", command: "reopen", shown: "R" },
  { key: "i", command: "siren_confirm", shown: "I" },
  { key: "x", command: "siren_cancel", shown: "X" },
  { key: "e", command: "sealed", shown: "E" },
  { key: "b", command: "open", shown: "B" },
  { key: "p", command: "posture", shown: "P" },
  { key: "q", command: "quiet", shown: "Q" },
  { key: "/", command: "filter", shown: "/" },
  { key: "Escape", command: "back", shown: "Esc" },
  { key: "?", command: "help", shown: "?" },
];

const BY_KEY = new Map(SHORTCUTS.map((one) => [one.key, one.command]));

/** What a key press means; null while somebody writes, or with a modifier (those are the browser's). */
export function commandOf(event: KeyboardEvent, letters: boolean): Command | null {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (isWriting(event.target)) return null;
  // Whoever speaks to the machine turns one-letter keys off (WCAG 2.2 §2.1.4).
  if (key.length === 1 && !letters) return null;
  if (key === "Enter" && event.target instanceof HTMLElement && event.target.closest("button,a,summary")) return null;
  return BY_KEY.get(key) ?? null;
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input,textarea,select,dialog") !== null;
}
