// The door of a wall: the code that somebody with a name asked for, once. From then on the display has an account of its
// own, which only looks, and comes back by itself.
import type { JSX } from "preact";
import { post } from "../api/http";
import type { SignInAnswer } from "../api/shapes";
import { unlockSound } from "../state/sound";
import { t } from "../words/words";
import { valuesOf, type Take } from "./sign_in";

export function DisplayDoor({ isBusy, take }: { isBusy: boolean; take: Take }): JSX.Element {
  const submit = (event: Event): void => {
    void unlockSound();
    const { code = "" } = valuesOf(event);
    void take(post<SignInAnswer>("sign-in/display", { code: code.trim() }));
  };
  return (
    <form onSubmit={submit}>
      <p>{t("display_how")}</p>
      <label>
        {t("display_code")}
        <input name="code" class="code" autocomplete="off" autocapitalize="characters" required autofocus maxLength={20} />
      </label>
      <button type="submit" class="button main" disabled={isBusy}>
        {isBusy ? t("checking") : t("display_begin")}
      </button>
    </form>
  );
}
