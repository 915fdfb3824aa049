// Names that acts choose from, and the names behind ids: people, types, agencies, postures.
import { computed, signal } from "@preact/signals";
import { ask, get } from "../api/http";
import { plain } from "../core/text";
import { rows } from "./desk";
import { lang } from "../words/words";

export interface Agency {
  id: string;
  es: string;
  en: string;
  government: string;
  accept_s: number;
  on_scene_s: number;
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
}
export interface Colleague {
  id: string;
  name: string;
  roles: string[];
  post?: string | null;
}

/** Who may be sent: the agencies of the centre's pack (streams/rules/protocols.toml), as the console tells them. */
export const agencies = signal<readonly Agency[]>([]);

/** The postures of the rule pack that the centre comes with (streams/rules/city.toml). */
export const postures: readonly Posture[] = [
  { id: "transport_attacks", es: "ataques al transporte", en: "attacks on transport" },
];

const known = signal<Type[]>([]);
export const people = signal<Colleague[]>([]);

export const types = computed<Type[]>(() => {
  const found = new Map(known.value.map((one) => [one.code, one]));
  for (const row of rows.value) {
    if (!row.type || row.silent || found.has(row.type)) continue;
    found.set(row.type, { code: row.type, es: row.name_es, en: row.name_en });
  }
  const word = (one: Type): string => (lang.value === "es" ? one.es : one.en);
  return [...found.values()].sort((a, b) => word(a).localeCompare(word(b)));
});

/** The name behind a person's id; what is no person of the house (a part of the centre) is said as it is. */
export const personName = (id: string): string => plain(people.value.find((one) => one.id === id)?.name ?? id, 40);

export const agencyName = (id: string): string => {
  const found = agencies.value.find((one) => one.id === id);
  return found ? (lang.value === "es" ? found.es : found.en) : id;
};

/** Names, for a reason that the reader gave. */
export async function askPeople(reason: string): Promise<void> {
  const found = await ask<Colleague[]>("GET", "people", { reason });
  if (found.ok) people.value = found.value;
}

export async function askDirectory(): Promise<void> {
  const [found, all, sent] = await Promise.all([
    get<Colleague[]>("people"),
    get<{ types: Type[] }>("types"),
    get<Agency[]>("agencies"),
  ]);
  if (found.ok) people.value = found.value;
  if (all.ok) known.value = all.value.types;
  if (sent.ok) agencies.value = sent.value;
}
