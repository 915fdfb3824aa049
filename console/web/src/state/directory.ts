// Names that acts choose from: agencies, people, types.
import { computed, signal } from "@preact/signals";
import { get } from "../api/http";
import type { Json } from "../api/shapes";
import { rows } from "./desk";
import { t } from "../words/words";

export interface Agency { id: string; name: string; competence: string }
export interface Type { code: string; es: string; en: string }
export interface Posture { id: string; es: string; en: string }
export interface Colleague { login: string; name: string }

const told = signal<Agency[]>([]);
const known = signal<Type[]>([]);
/** The postures of the rules in force; until the console names them, the one that they come with. */
export const postures = signal<Posture[]>([{ id: "transport_attacks", es: "ataques al transporte", en: "attacks on transport" }]);
export const people = signal<Colleague[]>([]);

/** What the console names; before that, the two whose dual dispatch the city knows. */
export const agencies = computed<Agency[]>(() =>
  told.value.length ? told.value : [
    { id: "municipal", name: t("agency_municipal"), competence: "municipal" },
    { id: "provincial", name: t("agency_provincial"), competence: "provincial" },
  ]);

export const types = computed<Type[]>(() => {
  const found = new Map(known.value.map((one) => [one.code, one]));
  for (const row of rows.value) {
    if (row.type && !row.silent && !found.has(row.type)) found.set(row.type, { code: row.type, es: row.name_es, en: row.name_en });
  }
  return [...found.values()].sort((a, b) => a.es.localeCompare(b.es));
});

export async function askDirectory(): Promise<void> {
  const answer = await get<Json>("directory");
  if (!answer.ok) return;
  told.value = (answer.value["agencies"] as Agency[] | undefined) ?? [];
  known.value = (answer.value["types"] as Type[] | undefined) ?? [];
  const found = answer.value["postures"] as Posture[] | undefined;
  if (found) postures.value = found;
  people.value = (answer.value["people"] as Colleague[] | undefined) ?? [];
}
