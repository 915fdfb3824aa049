// What one alert's page holds, as the console sends it. Of a sealed alert: level and district only.
import type { Level, Reason, Row, Status } from "./shapes";
import type { CameraState, Disposition, Government, Sight, Stage } from "./tables";

export interface Member {
  event_id: string;
  type: string;
  name_es: string;
  name_en: string;
  phase: string;
  occurred_ms: number;
  received_ms: number;
  after_s: number;
  life_safety: boolean;
  distance_m?: number | null;
  clock_error_s?: number | null;
  registered?: boolean | null;
  source?: string | null;
  subject?: string | null;
  summary?: string | null;
}

export interface Line {
  id: string;
  at_ms: number;
  kind: string;
  actor: string;
  es: string;
  en: string;
}

export interface Told {
  command_id: string;
  kind: string;
  target: string;
  step: string;
  issued_ms: number;
  outcome?: string | null;
  answered_ms?: number | null;
  detail?: string | null;
}

/** One step of a protocol that runs on the alert; `step` is `<protocol>/<step>`. */
export interface Step {
  step: string;
  act: string;
  target: string;
  es: string;
  en: string;
  /** open, waiting (only a person may run it), done, skipped, escalated. */
  outcome: string;
  after_s?: number;
  due_ms?: number | null;
  at_ms?: number | null;
  by?: string | null;
  reason?: string | null;
}

export interface NearCamera {
  id: string;
  name: string;
  distance_m: number;
  sees: boolean;
  sight: Sight;
  health: CameraState;
}

/** A look of a camera that the alert asked for. `camera` is empty where no working camera sees the place. */
export interface Watching {
  camera: string;
  /** asked, watching, ended, not_watched. */
  state: string;
  asked_ms: number;
  until_ms: number;
  text_es: string;
  text_en: string;
  from_ms?: number | null;
  to_ms?: number | null;
}

export interface Stamp {
  stage: Stage;
  at_ms: number;
  by: string;
}
export interface AgencyClock {
  agency: string;
  government: Government;
  stamps: Stamp[];
  support?: boolean;
  unit?: string;
  attended?: boolean | null;
  round?: number;
}

/** That it is muted. `events`: the newest that it hid; `silence`: by a maintenance silence, not for this alert alone. */
export interface Suppression {
  by: string;
  reason: string;
  since_ms: number;
  until_ms: number;
  hidden: number;
  events?: string[];
  silence?: string | null;
}

export interface AlertPage {
  id: string;
  version: number;
  level: Level;
  status: Status;
  silent: boolean;
  name_es: string;
  name_en: string;
  district: string | null;
  opened_ms: number;
  updated_ms: number;
  now_ms: number;
  type?: string | null;
  score?: number | null;
  life_safety?: boolean;
  drill?: boolean;
  degraded?: boolean;
  place?: { lat?: number | null; lon?: number | null; accuracy_m?: number | null; text?: string | null } | null;
  terms?: Reason[];
  members?: Member[];
  story?: Line[];
  story_is_whole?: boolean;
  told?: Told[];
  protocols?: string[];
  steps?: Step[];
  deeds?: { kind: string; by: string; at_ms: number; version: number; about?: string }[];
  cameras?: NearCamera[];
  watchings?: Watching[];
  agencies?: AgencyClock[];
  disagreement?: boolean;
  links?: string[];
  absorbed?: string[];
  merged_into?: string | null;
  disposition?: Disposition | null;
  suppression?: Suppression | null;
  assignee?: string | null;
  notes?: string[];
}

/** The page of an alert that is not in the queue (closed, merged) as a row, so that one head shows both. */
export function rowOf(page: AlertPage): Row {
  return {
    id: page.id,
    version: page.version,
    level: page.level,
    order: [],
    status: page.status,
    name_es: page.name_es,
    name_en: page.name_en,
    district: page.district,
    opened_ms: page.opened_ms,
    updated_ms: page.updated_ms,
    sources: 0,
    signals: page.members?.length ?? 0,
    reasons: page.terms ?? [],
    lat: page.place?.lat ?? null,
    lon: page.place?.lon ?? null,
    silent: page.silent,
    drill: Boolean(page.drill),
    degraded: Boolean(page.degraded),
    life_safety: Boolean(page.life_safety),
    assignee: page.assignee ?? null,
  };
}
