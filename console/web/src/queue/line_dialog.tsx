// A flood's line before it is taken whole: how many, of what, where; nothing is taken that was not counted here.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Row } from "../api/shapes";
import { ageText } from "../core/ages";
import type { Entry } from "../core/listing";
import { LEVELS, SHAPES } from "../core/marks";
import { Dialog } from "../frame/dialog";
import { Button } from "../frame/button";
import { takeLine, tell } from "../state/acts";
import { now } from "../state/clock";
import { cursor, shownEntries, toggleLine } from "../state/desk";
import { mayAct } from "../state/session";
import { t } from "../words/words";
import { nameOf, tally, whereOf } from "./row";

const SHOWN = 5;

/** The members as they were when the dialog opened. */
export const openLine = signal<readonly Row[] | null>(null);

/** The line that the keys are on. */
export const chosenLine = (): Entry | undefined =>
  shownEntries.value.find((one) => one.key === cursor.value && one.members.length > 1 && !one.gone);

export function beginLine(line: Entry): void {
  if (line.row.silent) tell(t("line_silent"), "bad");
  else openLine.value = line.members;
}

/** What may be done to the line that is chosen: beside the list, since a row of a list holds no buttons. */
export function LineBar(): JSX.Element | null {
  const line = chosenLine();
  if (!line) return null;
  return (
    <div class="line-bar" role="group" aria-label={t("line_acts")}>
      <span>{t("line_of", line.members.length)}</span>
      <Button hint="↵" onPress={() => toggleLine(line.key)}>
        {line.isOpen ? t("line_fold") : t("line_unfold")}
      </Button>
      {mayAct.value && !line.row.silent ? (
        <Button hint="A" tone="main" onPress={() => beginLine(line)}>
          {t("line_take_n", line.members.length)}
        </Button>
      ) : null}
    </div>
  );
}

export function LineDialog(): JSX.Element | null {
  const members = openLine.value;
  return members?.length ? <Asking members={members} /> : null;
}

const close = (): void => {
  openLine.value = null;
};

function Asking({ members }: { members: readonly Row[] }): JSX.Element {
  const since = Math.min(...members.map((row) => row.opened_ms));
  const submit = (event: Event): void => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason") ?? "").trim();
    takeLine(members[0]!.group ?? "", members, reason);
    close();
  };
  return (
    <Dialog title={t("line_take_n", members.length)} onClose={close}>
      <p class="banner warn">▲ {t("line_warns")}</p>
      <table class="grid">
        <tbody>
          <Told what={t("level")} words={levels(members)} />
          <Told what={t("what")} words={counted(members.map(nameOf))} />
          <Told what={t("where")} words={counted(members.map(whereOf))} />
          <Told what={t("oldest")} words={ageText(since, now.value)} />
        </tbody>
      </table>
      <form onSubmit={submit}>
        <label>
          {t("reason")}
          <input name="reason" maxLength={500} autocomplete="off" />
        </label>
        <div class="row end">
          <button type="button" class="button" onClick={close}>
            {t("cancel")} <kbd aria-hidden="true">Esc</kbd>
          </button>
          <button type="submit" class="button main" autofocus>
            {t("line_take_n", members.length)} <kbd aria-hidden="true">↵</kbd>
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const Told = ({ what, words }: { what: string; words: string }): JSX.Element => (
  <tr>
    <th scope="row">{what}</th>
    <td>{words}</td>
  </tr>
);

const levels = (members: readonly Row[]): string =>
  LEVELS.map((level) => [level, members.filter((row) => row.level === level).length] as const)
    .filter(([, n]) => n)
    .map(([level, n]) => `${SHAPES[level]} ${level} ${n}`)
    .join(" · ");

function counted(words: string[]): string {
  const all = tally(words),
    left = all.length - SHOWN;
  const shown = all.slice(0, SHOWN).map(([what, n]) => `${what} ${n}`);
  return [...shown, ...(left > 0 ? [t("lines_more", left)] : [])].join(" · ");
}
