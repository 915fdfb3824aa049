// What is not done to an alert: an incident opened by hand (a call, a radio, somebody at the door), the city's
// posture.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Json } from "../api/shapes";
import { bodyOf } from "../alert/act_dialog";
import { PlaceFields, Reason } from "../alert/fields";
import { Dialog } from "../frame/dialog";
import { request } from "../state/acts";
import { postures, types } from "../state/directory";
import { lang, t } from "../words/words";

export const isOpeningByHand = signal(false);
export const isPosture = signal(false);

function Form({
  title,
  word,
  onClose,
  onSend,
  children,
}: {
  title: string;
  word: string;
  onClose: () => void;
  onSend: (body: Json) => string;
  children: JSX.Element;
}): JSX.Element {
  const [missing, setMissing] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    const lacks = onSend(bodyOf(new FormData(event.currentTarget as HTMLFormElement)));
    setMissing(lacks);
    if (!lacks) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {missing ? (
          <p class="banner bad" role="alert">
            ✕ {missing}
          </p>
        ) : null}
        <div class="row end">
          <button type="button" class="button" onClick={onClose}>
            {t("cancel")} <kbd aria-hidden="true">Esc</kbd>
          </button>
          <button type="submit" class="button main">
            {word}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function OpenByHand(): JSX.Element | null {
  if (!isOpeningByHand.value) return null;
  const close = (): void => {
    isOpeningByHand.value = false;
  };
  const send = (body: Json): string => {
    if (!body["place"]) return t("lacks_place");
    request("incidents", body);
    return "";
  };
  return (
    <Form title={t("open_by_hand")} word={t("open_it")} onClose={close} onSend={send}>
      <>
        <label>
          {t("type")}
          <select name="type" required autofocus>
            <option value="">{t("choose")}</option>
            {types.value.map((one) => (
              <option key={one.code} value={one.code}>
                {lang.value === "es" ? one.es : one.en}
              </option>
            ))}
          </select>
        </label>
        <Reason must isFirst={false} />
        <PlaceFields row={null} />
      </>
    </Form>
  );
}

const HOURS = [1, 2, 4, 8, 12, 24, 72] as const;

export function PostureDialog(): JSX.Element | null {
  const [chosen, choose] = useState("");
  if (!isPosture.value) return null;
  const most = postures.value.find((one) => one.id === chosen)?.hours_max ?? Infinity;
  const close = (): void => {
    isPosture.value = false;
  };
  const send = (body: Json): string => {
    if (body["posture"] === "normal") delete body["until_ms"];
    request("posture", body);
    return "";
  };
  return (
    <Form title={t("posture")} word={t("posture_set")} onClose={close} onSend={send}>
      <>
        <label>
          {t("posture")}
          <select name="posture" required autofocus onChange={(event) => choose(event.currentTarget.value)}>
            <option value="normal">{t("posture_normal")}</option>
            {postures.value.map((one) => (
              <option key={one.id} value={one.id}>
                {lang.value === "es" ? one.es : one.en}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("until")}
          <select name="for_min">
            {HOURS.filter((one) => one <= most).map((one) => (
              <option key={one} value={one * 60}>
                {t("hours_n", one)}
              </option>
            ))}
          </select>
        </label>
        <Reason must isFirst={false} />
      </>
    </Form>
  );
}
