// From a key press to the deed.
import { ACTS, specOf } from "./alert/acts_table";
import { begin, openAct } from "./alert/act_dialog";
import { alertPage } from "./alert/panel";
import { commandOf, type Command } from "./core/keys";
import { isHelpOpen, letters } from "./frame/keys_help";
import { isOpeningByHand, isPosture } from "./pages/by_hand";
import { beginOpening } from "./sealed/section";
import { beginLine, chosenLine } from "./queue/line_dialog";
import { cursor, listing, point, selectedRow, shownEntries, step, toNewest, toggleLine } from "./state/desk";
import { route, toAlert, toPage } from "./state/route";
import { tell } from "./state/acts";
import { isWall, may, mayAct, watches } from "./state/session";
import { rest } from "./state/sound";
import { t } from "./words/words";

const DEEDS: Partial<Record<Command, () => void>> = {
  next: () => step(1),
  previous: () => step(-1),
  first: () => step(-Infinity),
  last: () => step(Infinity),
  newest: toNewest,
  open_line: openLine,
  filter: () => document.getElementById("filter-words")?.focus(),
  back: () => (route.value.page === "desk" ? toAlert(null) : toPage("desk")),
  help: () => {
    isHelpOpen.value = true;
  },
  quiet: () => rest(),
  open: () => {
    if (mayAct.value) isOpeningByHand.value = true;
    else refuse();
  },
  posture: () => {
    if (may("posture.set")) isPosture.value = true;
    else refuse();
  },
  sealed: () => {
    if (selectedRow.value?.silent) beginOpening(selectedRow.value.id);
  },
};

export function onKey(event: KeyboardEvent): void {
  if (openAct.value || document.querySelector("dialog[open]")) return;
  const command = commandOf(event, letters.value);
  if (!command || (!watches.value && command !== "help")) return;
  const deed = DEEDS[command];
  if (deed) deed();
  else if (!actOn(command)) return;
  event.preventDefault();
}

function openLine(): void {
  const entry = shownEntries.value.find((one) => one.key === cursor.value);
  if (entry && entry.members.length > 1) toggleLine(entry.key);
  else if (entry) point(entry.key);
  else if (listing.value.above[0]) point(listing.value.above[0].key);
}

/** Said, not swallowed: who presses a key at a wall must not believe that it was done. */
function refuse(): void {
  tell(isWall.value ? t("only_looks") : t("not_your_role"), "bad");
}

/** An act on the chosen alert; without one, acknowledging takes the first that nobody took. */
function actOn(command: Command): boolean {
  const spec = specOf(command);
  if (!spec || route.value.page !== "desk") return false;
  if (!mayAct.value) {
    refuse();
    return true;
  }
  const line = chosenLine();
  if (line) {
    // On a line the keys mean the line, never the alert that was chosen before.
    if (spec === ACTS[0]) beginLine(line);
    else tell(t("line_only_taken"), "info");
    return true;
  }
  const row = selectedRow.value;
  if (row) begin(spec, row, alertPage.value?.id === row.id ? (alertPage.value.absorbed ?? []) : []);
  else if (spec === ACTS[0]) toNewest();
  return true;
}
