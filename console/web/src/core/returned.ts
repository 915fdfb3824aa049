// What the page that leads back from the city's sign-in says in the fragment of the address: the next step, or why it
// was refused. A fragment never reaches a server, and it is taken out of the address at once: it may hold a ticket.
import type { SignInAnswer } from "../api/shapes";

export interface Returned {
  step: SignInAnswer | null;
  refused: string;
}

const NOTHING: Returned = { step: null, refused: "" };
const CODE = /^[a-z0-9_.]{1,80}$/;
const STEPS: readonly string[] = ["second_factor", "new_password", "enrol"];

export function returnedOf(hash: string): Returned {
  const [word = "", rest = ""] = cut(hash.replace(/^#/, ""));
  const said = decoded(rest);
  if (word === "refused" && CODE.test(said)) return { step: null, refused: said };
  if (word === "step") return { step: stepOf(said), refused: "" };
  return NOTHING;
}

function cut(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function stepOf(text: string): SignInAnswer | null {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof said !== "object" || said === null) return null;
  const { state, ticket, methods } = said as Record<string, unknown>;
  if (typeof state !== "string" || !STEPS.includes(state) || typeof ticket !== "string") return null;
  const known = Array.isArray(methods) ? methods.filter((each): each is string => typeof each === "string") : [];
  return { state: state as SignInAnswer["state"], ticket, methods: known };
}
