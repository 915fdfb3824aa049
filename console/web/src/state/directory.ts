// Names that acts choose from, and the names behind ids: people, types, agencies, postures.
import { computed, effect, signal } from "@preact/signals";
import { ask, get } from "../api/http";
import { plain } from "../core/text";
import type { Government } from "../api/tables";
import { rows } from "./desk";
import { may, mayAct } from "./session";
import { lang } from "../words/words";

export interface Agency {
  id: string;
  es: string;
  en: string;
  government: Government;
  accept_s: number;
  on_scene_s: number;
  support: boolean;
}
export interface Type {
  code: string;
  es: string;
  en: string;
}
export interface Posture {
  id: string;
  es: string;
  en: string;
  hours_max: number;
}
export interface Colleague {
  id: string;
  name: string;
  roles: string[];
  post?: string | null;
}
interface Rules {
  types: Type[];
  agencies: Agency[];
  postures: Posture[];
}

/** What the centre's own rules call things; nothing until the console has told it. */
const rules = signal<Rules>({ types: [], agencies: [], postures: [] });
export const agencies = computed<readonly Agency[]>(() => rules.value.agencies);
export const postures = computed<readonly Posture[]>(() => rules.value.postures);
export const people = signal<Colleague[]>([]);

export const types = computed<Type[]>(() => {
  const found = new Map(rules.value.types.map((one) => [one.code, one]));
  for (const row of rows.value) {
    if (!row.type || row.silent || found.has(row.type)) continue;
    found.set(row.type, { code: row.type, es: row.name_es, en: row.name_en });
  }
  const word = (one: Type): string => (lang.value === "es" ? one.es : one.en);
  return [...found.values()].sort((a, b) => word(a).localeCompare(word(b)));
});

/** The name behind a person's id; what is no person of the house (a part of the centre) is said as it is. */
export const personName = (id: string): string => plain(people.value.find((one) => one.id === id)?.name ?? id, 40);

export const agencyOf = (id: string): Agency | undefined => agencies.value.find((one) => one.id === id);

export const agencyName = (id: string): string => {
  const found = agencyOf(id);
  return found ? (lang.value === "es" ? found.es : found.en) : id;
};

/** Names, for a reason that the reader gave. */
export async function askPeople(reason: string): Promise<void> {
  const found = await ask<Colleague[]>("GET", "people", { reason });
  if (found.ok) people.value = found.value;
}

/** Ids that stood on an alert and were nobody's whom this page knew: each was asked for once. */
const strangers = new Set<string>();

/** Whoever was added after the page was opened is called by name too: one question for each new id. */
export function watchStrangers(): void {
  effect(() => {
    if (!mayAct.value || !people.value.length) return;
    const known = new Set(people.value.map((one) => one.id));
    const fresh = new Set<string>();
    for (const row of rows.value) if (row.assignee && !known.has(row.assignee)) fresh.add(row.assignee);
    const before = strangers.size;
    for (const id of fresh) strangers.add(id);
    if (strangers.size > before) void askColleagues();
  });
}

async function askColleagues(): Promise<void> {
  const found = await get<Colleague[]>("people");
  if (found.ok) people.value = found.value;
}

export async function askDirectory(): Promise<void> {
  const [found, told] = await Promise.all([
    // An auditor says why first (`askPeople`).
    mayAct.value ? get<Colleague[]>("people") : null,
    may("rules.read") ? ask<Rules>("GET", "rules", { isKept: true }) : null,
  ]);
  if (found?.ok) people.value = found.value;
  if (told?.ok) rules.value = told.value;
}
