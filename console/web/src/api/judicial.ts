// Judicial requests as the console tells them (cior_console/judicial_view.py). Instants: UTC milliseconds (`_ms`) or
// RFC 3339 texts.
import type { Item, Kept } from "../core/filing";

/** A reason by its code, with the article that it stands on and what to do. */
export interface Said {
  code: string;
  es: string;
  en: string;
  article?: string;
  cure_es?: string;
  cure_en?: string;
}

export interface RequestLine {
  id: string;
  version: number;
  state: string;
  authority: string;
  authority_kind: string;
  office: string;
  case: string;
  received_ms: number;
  items: number;
  sealed: boolean;
  identity: boolean;
  provisional: boolean;
  drill: boolean;
  reasons?: Said[];
  answer?: string | null;
  held_ms?: number | null;
  deadline_ms?: number | null;
  expiry_ms?: number | null;
  lapses_ms?: number | null;
  wanted?: number;
}

export interface Span {
  since: string;
  until: string;
}
export interface Missing extends Span {
  minutes: string[];
  cause: Said;
}
export interface ItemPage extends Item {
  n: number;
  readings: Span[];
  asked_back?: Said | null;
  denied?: Said | null;
  missing?: Missing[];
}
export interface HoldPage extends Kept {
  id: string;
  placed_ms: number;
  came_late?: string[];
}
export interface Delivery {
  recipient: string;
  party: string;
  digest: string;
  at_ms: number;
  receipt_ms?: number | null;
}
export interface Package {
  name: string;
  digest: string;
  size_bytes: number;
  state: "ordered" | "building" | "waiting" | "ready" | "stopped";
  code: string;
  cure: string;
  /** What is being done; empty: nothing now. */
  progress: string;
  /** How many ZIPs it is. */
  parts?: number;
  zips?: Zip[];
}
/** One file to download; `sha256` is empty when it was made anew (a renewal) since it was told. */
export interface Zip {
  name: string;
  size_bytes: number;
  sha256: string;
}
/** A copy made out of the sealed package; `digest`: of its own manifest, once it is sealed. */
export interface DerivedCopy extends Package {
  n: number;
  kind: "view" | "redacted";
  ordered_ms: number;
  strict?: boolean;
  keep?: string[];
  after?: number;
  pictures?: number;
  pictures_of?: number;
}
/** What the recorders have of one item. `code`, `cure`: why that could not be read. */
export interface Available {
  n: number;
  camera: string;
  asked: Span[];
  there: Span[];
  missing: Missing[];
  held: Span[];
  code?: string;
  cure?: string;
}
/** One sealed box that the request needs. Without `handed_ms` it is closed. */
export interface Box {
  record: string;
  received_ms: number;
  opened_by?: string;
  reason?: string;
  opened_ms?: number | null;
  handed_ms?: number | null;
}
/** `why`: the code of why this person may not take them out. */
export interface BoxesPage {
  request: string;
  is_laid_out: boolean;
  closed: number;
  opened: number;
  boxes: Box[];
  may: boolean;
  why?: string;
}
export interface Handed {
  record: string;
  code?: string;
}
export interface Parties {
  requester: string;
  clerk: string;
  approvers: string[];
  exporter: string;
  conflicted: string[];
}
export interface RequestPage {
  line: RequestLine;
  document: string;
  reason: string;
  order: string;
  proceeding: string;
  investigation: boolean;
  alerts: string[];
  items: ItemPage[];
  asked_back: Said[];
  question: string;
  holds: HoldPage[];
  story: { n: number; act: string; at_ms: number; by: string; ledger_seq: number }[];
  may: string[];
  answer_said?: Said | null;
  answer_words?: string;
  package?: Package | null;
  copies?: DerivedCopy[];
  deliveries?: Delivery[];
  wanted?: string[];
  replaced_by?: string;
  parties?: Parties | null;
}

type Sentence = Omit<Said, "code">;
export interface Authority {
  es: string;
  en: string;
  kind: string;
  refusal?: string | null;
  /** Names of institutions that may be published. */
  offices?: string[];
}
export interface Jurisdiction {
  name: string;
  zone: string;
  basis: { article: string; es: string; en: string };
  preservation: { days: number };
  calendar: Record<string, { lacks?: { es: string; en: string }[] }>;
  authority: Record<string, Authority>;
  refusal: Record<string, Sentence>;
  negative: Record<string, Sentence>;
}

export interface Waits {
  count: number;
  p50_ms?: number | null;
  p90_ms?: number | null;
}
export type Counts = Record<string, number>;
export interface YearReport {
  year: number;
  received: number;
  by_kind: Counts;
  by_state: Counts;
  by_answer: Counts;
  refusals: Counts;
  negatives: Counts;
  items_asked: number;
  items_denied: number;
  missing_minutes: number;
  copies: number;
  receipts: number;
  lapsed: number;
  late: number;
  held: number;
  held_in_a_second: number;
  to_hold: Waits;
  to_delivery: Waits;
}
