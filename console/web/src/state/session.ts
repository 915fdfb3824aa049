// Who sits here. `undefined`: not asked yet; `null`: nobody.
import { computed, signal } from "@preact/signals";
import { get, post } from "../api/http";
import type { Role, Session } from "../api/shapes";
import { ASKED_BY } from "../api/tables";
import type { Page } from "../core/route";
import { setCentreTime } from "./clock";
import { speak } from "../words/words";

export const session = signal<Session | null | undefined>(undefined);
/** The console does not answer at all: neither signed in nor out is known. */
export const isUnreached = signal(false);

export const role = computed<Role | null>(() => session.value?.role ?? null);
/** What the feed says of the centre itself. */
export const centre = signal("");
export const isDrill = signal(false);

export const isTeam = computed(() => role.value === "response_team");

/** Whether whoever sits here may ask for that, as the console's one table says; the console judges. */
export function may(name: keyof typeof ASKED_BY): boolean {
  return role.value !== null && (ASKED_BY[name] as readonly Role[]).includes(role.value);
}
/** Who watches alerts; the others (audit, statistics, maintenance) have pages, and no feed. */
export const watches = computed(() => may("feed.open"));
/** Of those who handle alerts: an agency stamps its own clock only. */
export const mayAct = computed(() => may("incident.open"));

/** Where whoever sits here begins. */
export const home = computed<Page>(() => {
  if (watches.value || isWall.value) return "desk";
  if (may("request.file")) return "portal";
  return role.value === "auditor" ? "ledger" : "sessions";
});

/** A display's account: it only looks. */
export const isWall = computed(() => role.value === "wall");
export async function askSession(): Promise<void> {
  const answer = await get<Session>("session");
  isUnreached.value = !answer.ok && answer.problem.status !== 401;
  if (!answer.ok) {
    if (answer.problem.status === 401) session.value = null;
    return;
  }
  if (answer.value.now_ms) setCentreTime(answer.value.now_ms);
  if (answer.value.language === "en") speak("en");
  session.value = answer.value;
}

export async function signOut(): Promise<void> {
  await post("sign-out");
  session.value = null;
}
