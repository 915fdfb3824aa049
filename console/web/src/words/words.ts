// What the page says, in the language of the person: Spanish first.
import { signal } from "@preact/signals";
import type { Language } from "../core/ages";
import { CORE_WORDS } from "../api/tables";
import { en } from "./en";
import { es } from "./es";

export type Word = keyof typeof es;

const stored = (): Language => {
  try {
    return localStorage.getItem("cior.lang") === "en" ? "en" : "es";
  } catch {
    return "es"; // storage is refused: the first language
  }
};

export const lang = signal<Language>(stored());

export function speak(language: Language): void {
  lang.value = language;
  document.documentElement.lang = language;
  try {
    localStorage.setItem("cior.lang", language);
  } catch {
    // Storage is refused: until the next reload, then.
  }
}

/** The sentence `word`, with {0}, {1} … filled in. */
export function t(word: Word, ...values: (string | number)[]): string {
  const sentence = (lang.value === "es" ? es : en)[word];
  return sentence.replace(/\{(\d)\}/g, (whole, at: string) => String(values[Number(at)] ?? whole));
}

/** A word that the server named (a status, a role …): said if we know it, shown as it is if not. */
export function said(prefix: string, code: string): string {
  const word = `${prefix}_${code}`;
  if (word in CORE_WORDS) return CORE_WORDS[word as keyof typeof CORE_WORDS][lang.value];
  return word in es ? t(word as Word) : code;
}

/** The same at the head of a sentence, or on its own. */
export const headed = (text: string): string => text.charAt(0).toLocaleUpperCase(lang.value) + text.slice(1);

export const both = (thing: { es?: string; en?: string } | null | undefined): string =>
  (thing ? (lang.value === "es" ? thing.es : thing.en) : "") ?? "";
