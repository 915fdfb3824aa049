// What may be done to an alert, and what each act asks before it is sent. Data: dialog, buttons and keys come from
// it. The console judges; what is switched off here only saves a refusal.
import type { Role, Row, Status } from "../api/shapes";
import type { Command } from "../core/keys";
import type { Word } from "../words/words";

export type Field =
  | "reason"
  | "reason_must"
  | "disposition"
  | "agency"
  | "unit"
  | "assignee"
  | "until"
  | "targets"
  | "absorbed"
  | "type"
  | "level"
  | "place"
  | "step";

export interface ActSpec {
  kind: string;
  command: Command;
  key: string;
  word: Word;
  fields: readonly Field[];
  when: readonly Status[];
  /** In the first row of buttons; the others stand behind "more". */
  often?: boolean;
  tone?: "main" | "danger";
  /** A sentence to read before it is done: what it does in the street. */
  warns?: Word;
  /** Who may take it, as the console's own table says (`data/acts.toml`); the console judges. */
  roles?: readonly Role[];
  sealed?: readonly Role[];
  refused?: (row: Row) => Word | null;
}

const ROOM: readonly Role[] = ["operator", "dispatcher", "supervisor", "response_team"];
const TEAM: readonly Role[] = ["response_team"];
const NO_DISPATCHER: readonly Role[] = ["operator", "supervisor", "response_team"];
const DESK: readonly Role[] = ["operator", "supervisor"];
const LIVE: readonly Status[] = ["open", "acknowledged", "dispatched", "on_scene"];

const noSilence = (row: Row): Word | null =>
  row.life_safety || row.silent ? "no_suppress_life" : row.level === "P1" ? "no_suppress_p1" : null;
const noSiren = (row: Row): Word | null => (row.silent ? "no_siren_silent" : null);

export const ACTS: readonly ActSpec[] = [
  {
    kind: "acknowledge",
    sealed: ["supervisor", "response_team"],
    often: true,
    command: "acknowledge",
    key: "A",
    word: "do_acknowledge",
    fields: [],
    when: ["open"],
    tone: "main",
  },
  {
    kind: "dispatch",
    often: true,
    command: "dispatch",
    key: "D",
    word: "do_dispatch",
    fields: ["agency", "unit", "reason"],
    when: LIVE,
    tone: "main",
  },
  {
    kind: "on_scene",
    often: true,
    command: "on_scene",
    key: "L",
    word: "do_on_scene",
    fields: ["agency", "reason"],
    when: ["open", "acknowledged", "dispatched"],
  },
  {
    kind: "close",
    roles: NO_DISPATCHER,
    often: true,
    command: "close",
    key: "C",
    word: "do_close",
    fields: ["disposition", "reason"],
    when: LIVE,
  },
  {
    kind: "note",
    often: true,
    command: "note",
    key: "O",
    word: "do_note",
    fields: ["reason_must"],
    when: [...LIVE, "closed", "merged"],
  },
  {
    kind: "assign",
    sealed: ["supervisor", "response_team"],
    often: true,
    command: "assign",
    key: "G",
    word: "do_assign",
    fields: ["assignee", "reason"],
    when: LIVE,
  },
  {
    kind: "confirm",
    roles: NO_DISPATCHER,
    command: "confirm",
    key: "V",
    word: "do_confirm",
    fields: ["reason"],
    when: LIVE,
  },
  {
    kind: "siren_confirm",
    roles: DESK,
    sealed: [],
    command: "siren_confirm",
    key: "I",
    word: "do_siren_confirm",
    fields: ["reason_must"],
    when: LIVE,
    tone: "danger",
    warns: "warn_siren",
    refused: noSiren,
  },
  {
    kind: "siren_cancel",
    roles: ["operator", "dispatcher", "supervisor"],
    sealed: [],
    command: "siren_cancel",
    key: "X",
    word: "do_siren_cancel",
    fields: ["reason_must"],
    when: LIVE,
    warns: "warn_siren_cancel",
    refused: noSiren,
  },
  {
    kind: "merge",
    roles: NO_DISPATCHER,
    sealed: [],
    command: "merge",
    key: "M",
    word: "do_merge",
    fields: ["targets", "reason"],
    when: LIVE,
  },
  {
    kind: "unmerge",
    roles: NO_DISPATCHER,
    command: "unmerge",
    key: "U",
    word: "do_unmerge",
    fields: ["absorbed", "reason"],
    when: [...LIVE, "merged"],
  },
  {
    kind: "hold",
    roles: NO_DISPATCHER,
    command: "hold",
    key: "H",
    word: "do_hold",
    fields: ["reason_must"],
    when: [...LIVE, "closed"],
  },
  {
    kind: "reclassify",
    roles: DESK,
    sealed: [],
    command: "reclassify",
    key: "T",
    word: "do_reclassify",
    fields: ["type", "reason_must"],
    when: LIVE,
  },
  {
    kind: "move",
    roles: ["operator", "dispatcher", "supervisor"],
    sealed: [],
    command: "move",
    key: "W",
    word: "do_move",
    fields: ["place", "reason_must"],
    when: LIVE,
  },
  {
    kind: "suppress",
    roles: DESK,
    sealed: [],
    command: "suppress",
    key: "S",
    word: "do_suppress",
    fields: ["until", "reason_must"],
    when: LIVE,
    refused: noSilence,
  },
  {
    kind: "reopen",
    roles: NO_DISPATCHER,
    often: true,
    command: "reopen",
    key: "R",
    word: "do_reopen",
    fields: ["reason"],
    when: ["closed"],
  },
];

/** Whether somebody in that role may do it to such an alert at all. */
export function isFor(spec: ActSpec, row: Row, role: Role | null): boolean {
  const allowed = spec.roles ?? ROOM;
  if (role === null || !allowed.includes(role)) return false;
  return !row.silent || (spec.sealed ?? TEAM).includes(role);
}

/** Why `spec` cannot be done to `row` now; null when it can. */
export function unfit(spec: ActSpec, row: Row): Word | null {
  if (!spec.when.includes(row.status)) return "not_in_this_state";
  return spec.refused?.(row) ?? null;
}

export const specOf = (command: Command): ActSpec | undefined => ACTS.find((one) => one.command === command);
