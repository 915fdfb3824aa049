// Names that acts choose from, and the names behind ids: people, types, agencies, postures.
import { computed, signal } from "@preact/signals";
import { ask, get } from "../api/http";
import { plain } from "../core/text";
import { rows } from "./desk";
import { mayAct, mayAsk } from "./session";
import { lang } from "../words/words";

export interface Agency {
  id: string;
  es: string;
  en: string;
  government: string;
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

/** Who may be sent: the agencies of the rule pack that the centre comes with (streams/rules/protocols.toml). */
export const agencies: readonly Agency[] = [
  { id: "police", es: "Policía provincial", en: "Provincial police", government: "provincial" },
  { id: "municipal_guard", es: "Guardia municipal", en: "Municipal guard", government: "municipal" },
  { id: "ambulance", es: "Emergencias médicas", en: "Ambulance service", government: "municipal" },
  { id: "fire_brigade", es: "Bomberos", en: "Fire brigade", government: "provincial" },
  { id: "civil_protection", es: "Protección civil", en: "Civil protection", government: "municipal" },
  { id: "traffic_control", es: "Control de tránsito", en: "Traffic control", government: "municipal" },
  { id: "crisis_team", es: "Equipo de crisis", en: "Crisis team", government: "municipal" },
  { id: "victim_assistance", es: "Asistencia a la víctima", en: "Victim assistance", government: "provincial" },
  { id: "social_team", es: "Equipo social", en: "Social team", government: "municipal" },
  { id: "federal_liaison", es: "Enlace federal", en: "Federal liaison", government: "federal" },
];

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
  const found = agencies.find((one) => one.id === id);
  return found ? (lang.value === "es" ? found.es : found.en) : id;
};

/** Names, for a reason that the reader gave. */
export async function askPeople(reason: string): Promise<void> {
  const found = await ask<Colleague[]>("GET", "people", { reason });
  if (found.ok) people.value = found.value;
}

export async function askDirectory(): Promise<void> {
  const [found, all] = await Promise.all([
    // An auditor says why first (`askPeople`).
    mayAct.value ? get<Colleague[]>("people") : null,
    mayAsk("types") ? get<{ types: Type[] }>("types") : null,
  ]);
  if (found?.ok) people.value = found.value;
  if (all?.ok) known.value = all.value.types;
}
