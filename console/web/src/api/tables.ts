// Written by `make docs` out of the tables of the console and of core (cior_console/page_tables.py): change those.

// prettier-ignore
export const LEVELS = ["P1", "P2", "P3", "P4", "P5"] as const;
export type Level = (typeof LEVELS)[number];

// prettier-ignore
export const STATUSES = ["open", "acknowledged", "dispatched", "on_scene", "closed", "merged"] as const;
export type Status = (typeof STATUSES)[number];

// prettier-ignore
export const ROLES = ["wall", "operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"] as const;
export type Role = (typeof ROLES)[number];

// prettier-ignore
export const ACT_KINDS = ["acknowledge", "assign", "dispatch", "stamp", "on_scene", "close", "reopen", "merge", "unmerge", "note", "hold", "confirm", "open", "move", "reclassify", "siren_confirm", "siren_cancel", "step_done", "step_skip", "set_posture", "suppress", "unsuppress", "silence", "unsilence", "hand_over"] as const;
export type ActKind = (typeof ACT_KINDS)[number];

// prettier-ignore
export const DISPOSITIONS = ["confirmed", "false_alarm", "unfounded", "test", "duplicate", "unknown"] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

// prettier-ignore
export const STAGES = ["asked", "accepted", "declined", "en_route", "on_scene", "cleared"] as const;
export type Stage = (typeof STAGES)[number];

// prettier-ignore
export const GOVERNMENTS = ["municipal", "provincial", "federal"] as const;
export type Government = (typeof GOVERNMENTS)[number];

// prettier-ignore
export const CAMERA_STATES = ["unknown", "good", "degraded", "offline"] as const;
export type CameraState = (typeof CAMERA_STATES)[number];

// prettier-ignore
export const SIGHTS = ["in_view", "turnable", "unknown", "away", "far"] as const;
export type Sight = (typeof SIGHTS)[number];

// prettier-ignore
export const COMMAND_KINDS = ["siren_on", "siren_off", "notify", "request_clip", "hold_video", "burst", "task"] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

// prettier-ignore
export const LEDGER_OUTCOMES = ["allowed", "redacted", "refused"] as const;
export type LedgerOutcome = (typeof LEDGER_OUTCOMES)[number];

// prettier-ignore
export const GAP_CAUSES = ["camera_away", "reconnect", "restart", "disk_full", "clock_step", "damaged", "expired", "lost", "unknown"] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

/** Who may take which act, on a sealed alert too, and what it needs (`data/acts.toml`). */
export const ACT_RULES: Readonly<
  Record<ActKind, { roles: readonly Role[]; sealed: readonly Role[]; needs: readonly string[] }>
> = {
  acknowledge: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: ["supervisor", "response_team"], needs: [] },
  assign: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: ["supervisor", "response_team"], needs: [] },
  dispatch: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: ["response_team"], needs: [] },
  stamp: { roles: ["operator", "dispatcher", "supervisor", "response_team", "agency"], sealed: ["response_team"], needs: ["agency", "stage"] },
  on_scene: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: ["response_team"], needs: [] },
  close: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: ["disposition"] },
  reopen: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: [] },
  merge: { roles: ["operator", "supervisor", "response_team"], sealed: [], needs: ["target_ids"] },
  unmerge: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: [] },
  note: { roles: ["operator", "dispatcher", "supervisor", "response_team", "agency"], sealed: ["response_team"], needs: ["reason"] },
  hold: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: ["reason"] },
  confirm: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: [] },
  move: { roles: ["operator", "dispatcher", "supervisor"], sealed: [], needs: ["place"] },
  reclassify: { roles: ["operator", "supervisor"], sealed: [], needs: ["reason"] },
  siren_confirm: { roles: ["operator", "supervisor"], sealed: [], needs: [] },
  siren_cancel: { roles: ["operator", "dispatcher", "supervisor"], sealed: [], needs: [] },
  step_done: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: ["response_team"], needs: ["step"] },
  step_skip: { roles: ["operator", "supervisor", "response_team"], sealed: ["response_team"], needs: ["step", "reason"] },
  suppress: { roles: ["operator", "supervisor"], sealed: [], needs: ["reason", "until_ms"] },
  unsuppress: { roles: ["operator", "supervisor"], sealed: [], needs: [] },
  silence: { roles: ["operator", "supervisor"], sealed: [], needs: ["scope", "reason", "until_ms"] },
  unsilence: { roles: ["operator", "supervisor"], sealed: [], needs: ["silence"] },
  open: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: [], needs: ["type", "place"] },
  set_posture: { roles: ["supervisor"], sealed: [], needs: ["posture", "reason"] },
  hand_over: { roles: ["operator", "dispatcher", "supervisor", "response_team"], sealed: [], needs: ["assignee", "reason"] },
};

/** Who may ask which endpoint, by its name in the one table (docs/roles.md). */
export const ASKED_BY = {
  "wall.page": ["wall", "operator", "dispatcher", "supervisor", "response_team", "custodian", "engineer"],
  "wall.snapshot": ["wall", "operator", "dispatcher", "supervisor", "response_team", "custodian", "engineer"],
  "wall.feed": ["wall", "operator", "dispatcher", "supervisor", "response_team", "custodian", "engineer"],
  "wall.city": ["wall", "operator", "dispatcher", "supervisor", "response_team", "custodian", "engineer"],
  "wall.ask": ["wall", "operator", "dispatcher", "supervisor", "response_team", "custodian", "engineer"],
  "session.read": ["wall", "operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "session.role": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "sign_out": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "session.list": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "session.ended": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "display.planned": ["supervisor", "engineer"],
  "session.confirmed": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "session.passkey_asked": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "session.passkey": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "openid.again": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "password.changed": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.list": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.code_asked": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.code_added": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.passkey_asked": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.passkey_added": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.recovery_made": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "factor.removed": ["operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "feed.open": ["wall", "operator", "dispatcher", "supervisor", "response_team", "agency", "partner"],
  "alert.read": ["operator", "dispatcher", "supervisor", "response_team", "agency", "partner"],
  "city.read": ["wall", "operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "cameras.read": ["operator", "dispatcher", "supervisor", "response_team", "engineer", "partner"],
  "blind_spots.read": ["wall", "operator", "dispatcher", "supervisor", "response_team", "engineer"],
  "openapi.read": ["wall", "operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "rules.read": ["wall", "operator", "dispatcher", "supervisor", "response_team", "auditor", "agency", "partner"],
  "city.tiles": ["wall", "operator", "dispatcher", "supervisor", "response_team", "prosecutor", "defender", "custodian", "analyst", "auditor", "engineer", "agency", "partner"],
  "alert.act": ["operator", "dispatcher", "supervisor", "response_team", "agency"],
  "incident.open": ["operator", "dispatcher", "supervisor", "response_team"],
  "posture.set": ["supervisor"],
  "line.acknowledge": ["operator", "dispatcher", "supervisor", "response_team"],
  "ledger.read": ["supervisor", "auditor"],
  "people.read": ["operator", "dispatcher", "supervisor", "response_team", "auditor"],
  "shift.read": ["operator", "dispatcher", "supervisor", "response_team", "auditor"],
  "shift.start": ["operator", "dispatcher", "supervisor", "response_team"],
  "shift.end": ["operator", "dispatcher", "supervisor", "response_team"],
  "shift.hand_over": ["operator", "dispatcher", "supervisor", "response_team"],
  "silence.read": ["operator", "dispatcher", "supervisor", "response_team"],
  "silence.begin": ["operator", "supervisor"],
  "silence.end": ["operator", "supervisor"],
  "duty.read": ["operator", "dispatcher", "supervisor", "response_team", "auditor"],
  "duty.directory": ["supervisor"],
  "duty.write": ["supervisor"],
  "duty.remove": ["supervisor"],
  "duty.hand_over": ["operator", "dispatcher", "supervisor", "response_team"],
  "load.read": ["operator", "dispatcher", "supervisor"],
  "drill.read": ["supervisor", "auditor"],
  "drill.start": ["supervisor"],
  "drill.end": ["supervisor"],
  "sealed.open": ["response_team"],
  "request.file": ["prosecutor", "defender", "custodian"],
  "request.act": ["prosecutor", "defender", "custodian"],
  "requests.rules": ["prosecutor", "defender", "custodian"],
  "requests.cameras": ["prosecutor", "defender", "custodian"],
  "requests.people": ["custodian"],
  "requests.queue": ["custodian"],
  "requests.list": ["prosecutor", "defender", "custodian"],
  "requests.read": ["prosecutor", "defender", "custodian"],
  "requests.trail": ["prosecutor", "defender", "custodian", "auditor"],
  "requests.trail_pdf": ["prosecutor", "defender", "custodian", "auditor"],
  "footage.trail": ["custodian", "auditor"],
  "footage.trail_pdf": ["custodian", "auditor"],
  "request.availability": ["custodian"],
  "request.package": ["prosecutor", "defender", "custodian"],
  "request.copy": ["prosecutor", "defender", "custodian"],
  "request.boxes": ["custodian"],
  "request.boxes_out": ["custodian"],
  "request.box_opened": ["custodian"],
  "requests.report": ["supervisor", "custodian", "auditor"],
  "footage.open": ["operator", "dispatcher", "supervisor", "response_team", "partner"],
  "footage.state": ["operator", "dispatcher", "supervisor", "response_team", "partner"],
  "footage.close": ["operator", "dispatcher", "supervisor", "response_team", "partner"],
  "footage.playlist": ["operator", "dispatcher", "supervisor", "response_team", "partner"],
  "footage.piece": ["operator", "dispatcher", "supervisor", "response_team", "partner"],
  "agreements.read": ["supervisor", "custodian", "auditor"],
  "agreement.propose": ["supervisor", "custodian"],
  "agreement.approve": ["supervisor", "custodian"],
  "agreement.withdraw": ["supervisor", "custodian"],
  "agreement.mine": ["partner"],
} satisfies Record<string, readonly Role[]>;

/** What core calls them in the history of an alert; the screens say the same. */
export const CORE_WORDS = {
  status_open: { es: "abierta", en: "open" },
  status_acknowledged: { es: "tomada", en: "acknowledged" },
  status_dispatched: { es: "despachada", en: "dispatched" },
  status_on_scene: { es: "en el lugar", en: "on scene" },
  status_closed: { es: "cerrada", en: "closed" },
  status_merged: { es: "unida a otra", en: "merged" },
  disposition_confirmed: { es: "confirmada", en: "confirmed" },
  disposition_false_alarm: { es: "falsa alarma", en: "false alarm" },
  disposition_unfounded: { es: "sin fundamento", en: "unfounded" },
  disposition_test: { es: "prueba", en: "test" },
  disposition_duplicate: { es: "repetida", en: "duplicate" },
  disposition_unknown: { es: "sin determinar", en: "unknown" },
  stage_asked: { es: "pedido", en: "asked" },
  stage_accepted: { es: "acepta", en: "accepted" },
  stage_declined: { es: "no va", en: "declined" },
  stage_en_route: { es: "en camino", en: "en route" },
  stage_on_scene: { es: "en el lugar", en: "on scene" },
  stage_cleared: { es: "se retira", en: "cleared" },
  act_acknowledge: { es: "tomar", en: "acknowledge" },
  act_assign: { es: "asignar", en: "assign" },
  act_dispatch: { es: "despachar", en: "dispatch" },
  act_stamp: { es: "marcar a una fuerza", en: "stamp an agency" },
  act_on_scene: { es: "en el lugar", en: "on scene" },
  act_close: { es: "cerrar", en: "close" },
  act_reopen: { es: "reabrir", en: "reopen" },
  act_merge: { es: "unir", en: "merge" },
  act_unmerge: { es: "separar", en: "separate" },
  act_note: { es: "anotar", en: "note" },
  act_hold: { es: "preservar", en: "hold" },
  act_confirm: { es: "confirmar", en: "confirm" },
  act_open: { es: "abrir", en: "open" },
  act_move: { es: "corregir el lugar", en: "move" },
  act_reclassify: { es: "reclasificar", en: "reclassify" },
  act_siren_confirm: { es: "hacer sonar", en: "sound the siren" },
  act_siren_cancel: { es: "parar la sirena", en: "stop the siren" },
  act_step_done: { es: "paso hecho", en: "step done" },
  act_step_skip: { es: "omitir un paso", en: "skip a step" },
  act_set_posture: { es: "postura", en: "posture" },
  act_suppress: { es: "silenciar", en: "suppress" },
  act_unsuppress: { es: "dejar de silenciar", en: "end the suppression" },
  act_silence: { es: "silenciar por mantenimiento", en: "silence for maintenance" },
  act_unsilence: { es: "terminar un silencio por mantenimiento", en: "end a maintenance silence" },
  act_hand_over: { es: "entregar el turno", en: "hand over" },
} as const;
