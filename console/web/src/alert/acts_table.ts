// What may be done to an alert, and what each act asks before it is sent. Data: dialog, buttons and keys come from
// it. The console judges; what is switched off here only saves a refusal.
import type { Role, Row, Status } from "../api/shapes";
import { ACT_RULES, type ActKind } from "../api/tables";
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
  kind: ActKind;
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
  refused?: (row: Row) => Word | null;
}

const LIVE: readonly Status[] = ["open", "acknowledged", "dispatched", "on_scene"];

const noSilence = (row: Row): Word | null =>
  row.life_safety || row.silent ? "no_suppress_life" : row.level === "P1" ? "no_suppress_p1" : null;
const noSiren = (row: Row): Word | null => (row.silent ? "no_siren_silent" : null);

export const ACTS: readonly ActSpec[] = [
  {
    kind: "acknowledge",
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
    often: true,
    command: "assign",
    key: "G",
    word: "do_assign",
    fields: ["assignee", "reason"],
    when: LIVE,
  },
  {
    kind: "confirm",
    command: "confirm",
    key: "V",
    word: "do_confirm",
    fields: ["reason"],
    when: LIVE,
  },
  {
    kind: "siren_confirm",
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
    command: "merge",
    key: "M",
    word: "do_merge",
    fields: ["targets", "reason"],
    when: LIVE,
  },
  {
    kind: "unmerge",
    command: "unmerge",
    key: "U",
    word: "do_unmerge",
    fields: ["absorbed", "reason"],
    when: [...LIVE, "merged"],
  },
  {
    kind: "hold",
    command: "hold",
    key: "H",
    word: "do_hold",
    fields: ["reason_must"],
    when: [...LIVE, "closed"],
  },
  {
    kind: "reclassify",
    command: "reclassify",
    key: "T",
    word: "do_reclassify",
    fields: ["type", "reason_must"],
    when: LIVE,
  },
  {
    kind: "move",
    command: "move",
    key: "W",
    word: "do_move",
    fields: ["place", "reason_must"],
    when: LIVE,
  },
  {
    kind: "suppress",
    command: "suppress",
    key: "S",
    word: "do_suppress",
    fields: ["until", "reason_must"],
    when: LIVE,
    refused: noSilence,
  },
  {
    kind: "reopen",
    often: true,
    command: "reopen",
    key: "R",
    word: "do_reopen",
    fields: ["reason"],
    when: ["closed"],
  },
];

/** Whether somebody in that role may do it to such an alert at all, as the console's own table says. */
export function isFor(spec: ActSpec, row: Row, role: Role | null): boolean {
  const rule = ACT_RULES[spec.kind];
  return role !== null && (row.silent ? rule.sealed : rule.roles).includes(role);
}

/** Why `spec` cannot be done to `row` now; null when it can. */
export function unfit(spec: ActSpec, row: Row): Word | null {
  if (!spec.when.includes(row.status)) return "not_in_this_state";
  return spec.refused?.(row) ?? null;
}

export const specOf = (command: Command): ActSpec | undefined => ACTS.find((one) => one.command === command);
