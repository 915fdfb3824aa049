// What the shared worker tells each page, and how a line of the feed is read. The worker holds the one connection of
// this browser: six a host is all that HTTP/1.1 gives, and a seventh page would not even load.
import type { Row, Snapshot } from "../api/shapes";

export type FeedNews =
  | { kind: "snapshot"; snapshot: Snapshot }
  | { kind: "rows"; rows: Row[]; gone: string[]; late: boolean; isSnapshot?: boolean }
  | { kind: "alive"; now_ms: number | null; late: boolean }
  | { kind: "units"; body: unknown }
  | { kind: "other"; name: string; body: unknown }
  | { kind: "link"; isOpen: boolean }
  | { kind: "ended" };

export type PageSays = "hello" | "sign_out" | "retry" | "bye";

interface Change {
  alert?: Row;
  alerts?: Row[];
  id?: string;
  ids?: string[];
  late?: boolean;
  now_ms?: number;
}

/** The news of one event of the stream. */
export function newsOf(name: string, data: string): FeedNews {
  const body = JSON.parse(data) as Change & Partial<Snapshot>;
  const late = Boolean(body.late);
  switch (name) {
    case "snapshot":
      return { kind: "snapshot", snapshot: body as Snapshot };
    case "more":
      return { kind: "rows", rows: body.alerts ?? [], gone: [], late, isSnapshot: true };
    case "alert":
      return { kind: "rows", rows: body.alerts ?? (body.alert ? [body.alert] : []), gone: [], late };
    case "gone":
      return { kind: "rows", rows: [], gone: body.ids ?? (body.id ? [body.id] : []), late };
    case "alive":
      return { kind: "alive", now_ms: body.now_ms ?? null, late };
    case "units":
      return { kind: "units", body };
    default:
      return { kind: "other", name, body };
  }
}

export const EVENT_NAMES = ["snapshot", "more", "alert", "gone", "alive", "units", "area"] as const;
