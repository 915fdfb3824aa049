// A step that is left out needs a reason, and the supervisor sees it.
import type { Row } from "../api/shapes";
import type { ActSpec } from "./acts_table";
import { openAct } from "./act_dialog";

const SKIP: ActSpec = {
  kind: "step_skip",
  command: "note",
  key: "",
  word: "do_step_skip",
  fields: ["reason_must"],
  when: ["open", "acknowledged", "dispatched", "on_scene"],
};

export function skipStep(row: Row, step: string): void {
  openAct.value = { spec: SKIP, row, absorbed: [], more: { step } };
}
