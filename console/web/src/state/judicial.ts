// What the pages of judicial requests share: the jurisdiction, the cameras that can be asked for, and how an act goes.
import { computed, signal } from "@preact/signals";
import { ask, get, newKey, type Answer } from "../api/http";
import type { Authority, Jurisdiction, RequestPage, Said } from "../api/judicial";
import { utcText, zonedText } from "../core/zoned";
import { lang } from "../words/words";
import { askCity, cameraOf, city, type Camera } from "./city";
import { people, type Colleague } from "./directory";
import { may, role } from "./session";

export const jurisdiction = signal<Jurisdiction | null>(null);
/** Every camera that can be asked for, by name; null until the console told them. */
export const askable = signal<Camera[] | null>(null);
export const isCustodian = computed(() => role.value === "custodian");

/** The kinds of authority that each role asks for (the console refuses others); a custodian writes in anybody's. */
const KINDS: Partial<Record<string, readonly string[]>> = {
  prosecutor: ["prosecutor", "judge"],
  defender: ["defence"],
};

export const authorities = computed<[string, Authority][]>(() => {
  const kinds = KINDS[role.value ?? ""];
  return Object.entries(jurisdiction.value?.authority ?? {}).filter(([, one]) => !kinds || kinds.includes(one.kind));
});

export const zone = computed(() => jurisdiction.value?.zone ?? "UTC");

export async function askJudicial(): Promise<void> {
  const [rules, cameras, persons] = await Promise.all([
    get<Jurisdiction>("requests/rules"),
    get<Record<string, unknown>[]>("requests/cameras"),
    may("requests.people") ? get<Colleague[]>("requests/people") : null,
    city.value ? null : askCity(),
  ]);
  if (persons?.ok) people.value = persons.value;
  if (rules.ok) jurisdiction.value = rules.value;
  if (cameras.ok) askable.value = cameras.value.flatMap(cameraOf).sort(byName);
}

const byName = (a: Camera, b: Camera): number => a.name.localeCompare(b.name) || a.id.localeCompare(b.id);

export const cameraName = (id: string): string => askable.value?.find((one) => one.id === id)?.name ?? id;

/** An instant (milliseconds, or RFC 3339) as the jurisdiction reads it, with its offset. */
export const localText = (at: number | string): string =>
  zonedText(typeof at === "number" ? at : Date.parse(at), zone.value, lang.value);
export const bothTexts = (at: string): [string, string] => [localText(at), utcText(Date.parse(at))];

export const saying = (said: Omit<Said, "code">): string => (lang.value === "es" ? said.es : said.en);
export const cureOf = (said: Omit<Said, "code">): string =>
  (lang.value === "es" ? said.cure_es : said.cure_en) ?? "";

/** An act on a request as it was seen; the key stays the same until somebody answered, so that twice is once. */
const keys = new Map<string, string>();
export async function takeAct(page: RequestPage, kind: string, more: object): Promise<Answer<RequestPage>> {
  const path = `requests/${encodeURIComponent(page.line.id)}/acts`;
  return once(path, { kind, seen_version: page.line.version, ...more });
}
export const sendFiling = (body: object): Promise<Answer<RequestPage>> => once("requests", body);

async function once(path: string, body: object): Promise<Answer<RequestPage>> {
  const same = `${path} ${JSON.stringify(body)}`;
  const key = keys.get(same) ?? newKey();
  keys.set(same, key);
  const answer = await ask<RequestPage>("POST", path, { body, key });
  if (answer.ok || answer.problem.status !== 0) keys.delete(same);
  return answer;
}
