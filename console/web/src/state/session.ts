// Who sits here. `undefined`: not asked yet; `null`: nobody.
import { computed, signal } from "@preact/signals";
import { get, post } from "../api/http";
import type { Role, Session } from "../api/shapes";
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
const ACTING: readonly Role[] = ["operator", "dispatcher", "supervisor", "response_team"];
/** Who watches alerts; the others (audit, statistics, maintenance) have pages, and no feed. */
const WATCHING: readonly Role[] = [...ACTING, "wall", "agency"];
export const watches = computed(() => role.value !== null && WATCHING.includes(role.value));
export const mayAct = computed(() => role.value !== null && ACTING.includes(role.value));

/** A display's account: it only looks. */
export const isWall = computed(() => role.value === "wall");
/** What a page asks by itself, and whom the console answers it; to ask all the same would fill the ledger with
 * refusals. */
const ASKS = {
  types: ACTING,
  cameras: [...ACTING, "engineer"],
  blind_spots: [...ACTING, "engineer", "wall"],
} satisfies Record<string, readonly Role[]>;
export const mayAsk = (what: keyof typeof ASKS): boolean =>
  role.value !== null && (ASKS[what] as readonly Role[]).includes(role.value);

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
