// One way to ask the console. Every refusal is a problem document (RFC 9457); no answer at all is `null` status 0.
import type { Json, Problem } from "./shapes";

const BASE = "/api/v1/";
const WAIT_MS = 10_000;

export type Answer<T> = { ok: true; value: T } | { ok: false; problem: Problem };

export interface Asked {
  body?: unknown;
  key?: string;
  waitMs?: number;
  /** Why this is read; roles that look back must say it. */
  reason?: string;
  /** It has an entity tag: the browser keeps it, and asks whether it changed. */
  isKept?: boolean;
}

export async function ask<T>(method: string, path: string, asked: Asked = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": document.documentElement.lang,
  };
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  if (asked.key) headers["Idempotency-Key"] = asked.key;
  if (asked.reason) headers["Cior-Reason"] = encodeURIComponent(asked.reason);
  try {
    const response = await fetch(BASE + path, {
      method,
      headers,
      body: asked.body === undefined ? null : JSON.stringify(asked.body),
      credentials: "same-origin",
      cache: asked.isKept ? "no-cache" : "no-store",
      signal: AbortSignal.timeout(asked.waitMs ?? WAIT_MS),
    });
    return await read<T>(response);
  } catch {
    return { ok: false, problem: away() };
  }
}

/** A file, for whose reading a reason must be said: a link could not say it. */
export async function fetchFile(path: string, reason: string): Promise<Answer<Blob>> {
  const headers = { "Cior-Reason": encodeURIComponent(reason) };
  try {
    const response = await fetch(BASE + path, { headers, credentials: "same-origin", signal: AbortSignal.timeout(60_000) });
    if (!response.ok) return await read<Blob>(response);
    return { ok: true, value: await response.blob() };
  } catch {
    return { ok: false, problem: away() };
  }
}

const away = (): Problem => ({ status: 0, code: "away", title: "", detail: "", extra: {} });

async function read<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  let found: Json = {};
  try {
    if (text) found = JSON.parse(text) as Json;
  } catch {
    return { ok: false, problem: { ...away(), status: response.ok ? 502 : response.status } };
  }
  if (response.ok) return { ok: true, value: found as T };
  return { ok: false, problem: problemOf(response.status, found) };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

export function problemOf(status: number, found: Json): Problem {
  return {
    status,
    code: textOf(found["code"]) || textOf(found["type"]),
    title: textOf(found["title"]),
    detail: textOf(found["detail"]),
    detail_es: textOf(found["detail_es"]),
    extra: found,
  };
}

export const get = <T>(path: string): Promise<Answer<T>> => ask<T>("GET", path);
export const post = <T>(path: string, body: unknown = {}): Promise<Answer<T>> => ask<T>("POST", path, { body });

/** Whether asking again may help: nobody answered, or somebody who said "later". */
export const isAway = (problem: Problem): boolean =>
  problem.status === 0 || [502, 503, 504, 429].includes(problem.status);

/** A new idempotency key. */
export const newKey = (): string => crypto.randomUUID();
