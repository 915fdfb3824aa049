// The map of keys, from the one table of keys.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { SHORTCUTS, type Command } from "../core/keys";
import { t, type Word } from "../words/words";
import { Dialog } from "./dialog";

export const isHelpOpen = signal(false);

const STORE = "cior.letters";
const stored = (): boolean => {
  try {
    return localStorage.getItem(STORE) !== "no";
  } catch {
    return true;
  }
};
export const letters = signal(stored());

function setLetters(on: boolean): void {
  letters.value = on;
  try {
    localStorage.setItem(STORE, on ? "yes" : "no");
  } catch {
    // Storage is refused: until the next reload.
  }
}

export function KeysHelp(): JSX.Element | null {
  if (!isHelpOpen.value) return null;
  const byCommand = new Map<Command, string[]>();
  for (const one of SHORTCUTS) byCommand.set(one.command, [...(byCommand.get(one.command) ?? []), one.shown]);
  const close = (): void => {
    isHelpOpen.value = false;
  };
  return (
    <Dialog title={t("keys_title")} onClose={close} wide>
      <dl class="keymap">
        {[...byCommand].map(([command, keys]) => (
          <div key={command}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(`key_${command}` as Word)}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={letters.value}
          onChange={(event) => setLetters(event.currentTarget.checked)}
        />
        {t("letters_on")}
      </label>
      <div class="row end">
        <button type="button" class="button main" onClick={close}>
          {t("close_dialog")}
        </button>
      </div>
    </Dialog>
  );
}
