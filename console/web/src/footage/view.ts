// A view of footage, as the console sends it: opened with its row in the ledger, asked how it stands, closed.
import { ask, get, post, type Answer } from "../api/http";
import type { GapCause } from "../api/tables";

export interface Gap {
  from_ms: number;
  to_ms: number;
  cause: GapCause;
}

export interface ViewState {
  view_id: string;
  state: "clip" | "waiting" | "live" | "silent";
  now_ms: number;
  playlist: string;
  codec?: string;
  last_ms?: number | null;
  cause?: GapCause | null;
  from_ms?: number | null;
  to_ms?: number | null;
  gaps?: Gap[];
  /** What is covered for privacy: polygons of x / width and y / height. Null: the console does not know. */
  masks?: [number, number][][] | null;
  /** What is shown is a conversion; `blank`: what of it is black, since no picture of it could be decoded. */
  converted?: boolean;
  convertible?: boolean;
  blank?: { from_ms: number; to_ms: number }[];
}

/** What somebody wants to see. Without an interval it is live. */
export interface Wanted {
  camera: string;
  name: string;
  alertId: string;
  atMs: number;
  fromMs?: number;
  toMs?: number;
  /** Why, where no alert says it. */
  reason?: string;
  /** As H.264, since this browser cannot show what the camera sends. */
  converted?: boolean;
}

const BEFORE_MS = 30_000,
  AFTER_MS = 60_000;

/** The half minute before an alert and the minute after. */
export const around = (wanted: Wanted): Wanted => ({
  ...wanted,
  fromMs: wanted.atMs - BEFORE_MS,
  toMs: wanted.atMs + AFTER_MS,
});

export const openView = (wanted: Wanted): Promise<Answer<ViewState>> =>
  post<ViewState>("footage/views", {
    camera: wanted.camera,
    alert_id: wanted.alertId,
    ...(wanted.reason ? { reason: wanted.reason } : {}),
    ...(wanted.converted ? { converted: true } : {}),
    ...(wanted.fromMs === undefined ? {} : { from_ms: wanted.fromMs, to_ms: wanted.toMs }),
  });

export const askView = (id: string): Promise<Answer<ViewState>> => get<ViewState>(`footage/views/${id}`);

export const closeView = (id: string): void => void ask("DELETE", `footage/views/${id}`);

/** How far what is shown is behind: `shownMs` is the instant of the picture. */
export const delayS = (state: ViewState, askedAtMs: number, shownMs: number | null): number | null =>
  shownMs === null ? null : Math.max(0, Math.round((state.now_ms + Date.now() - askedAtMs - shownMs) / 1000));
