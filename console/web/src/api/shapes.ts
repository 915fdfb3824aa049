// What travels between the console and this page. Instants are UTC milliseconds (`_ms`), angles degrees, lengths
// metres.

import type { Level, Role, Status } from "./tables";

export type { Level, Role, Status };

export interface Reason {
  code: string;
  points: number;
  es: string;
  en: string;
}

/** One row of the queue. `order`: its key in the one queue of core; here keys are only compared. */
export interface Row {
  id: string;
  version: number;
  level: Level;
  order: (number | boolean | string)[];
  status: Status;
  type?: string;
  name_es: string;
  name_en: string;
  district: string | null;
  opened_ms: number;
  updated_ms: number;
  sources: number;
  signals: number;
  reasons: Reason[];
  lat?: number | null;
  lon?: number | null;
  accuracy_m?: number | null;
  silent?: boolean;
  drill?: boolean;
  degraded?: boolean;
  life_safety?: boolean;
  suppressed_by?: string | null;
  suppressed_until_ms?: number | null;
  group?: string | null;
  assignee?: string | null;
  source_names?: string[];
}

export interface Snapshot {
  alerts: Row[];
  now_ms: number;
  seq?: number;
  late?: boolean;
  centre?: string;
  drill?: boolean;
  /** More rows of this snapshot follow. */
  more?: boolean;
}

/** The session of this browser. `fresh_until_ms`: until then sealed data need no confirmation. */
export interface Session {
  id: string;
  person_id: string;
  login: string;
  name: string;
  language: string;
  role: Role;
  roles: Role[];
  kind: "browser" | "display";
  factors: string[];
  created_ms: number;
  expires_ms: number;
  fresh_until_ms: number;
  now_ms: number;
}

export interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  detail_es?: string;
  extra: Json;
}

export type Json = Record<string, unknown>;

/** How far a sign-in has come; `methods`: what is wanted, or what may be made, next. */
export interface SignInAnswer {
  state: "signed_in" | "second_factor" | "new_password" | "enrol";
  methods?: string[];
  ticket?: string;
  session?: Session | null;
}

export interface Ways {
  password: boolean;
  passkey: boolean;
  openid: string;
  refusal: string;
  centre: string;
}
