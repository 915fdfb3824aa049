// What a sealed alert's page offers to the response team: opening, with a reason, after proving again who one is. The
// boxes come from the console; the key comes from a file and stays here.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json, Problem, Row } from "../api/shapes";
import { plain } from "../core/text";
import { Dialog } from "../frame/dialog";
import { Section } from "../frame/button";
import { problemText } from "../state/problem_text";
import { isTeam } from "../state/session";
import { t } from "../words/words";
import { Reauthenticate } from "./reauthenticate";

const asking = signal<string | null>(null);
const shown = signal<{ alertId: string; texts: string[] } | null>(null);

export const beginOpening = (alertId: string): void => {
  if (isTeam.value) asking.value = alertId;
};

export function SealedSection({ row }: { row: Row }): JSX.Element {
  const found = shown.value?.alertId === row.id ? shown.value : null;
  return (
    <Section title={t("sealed")}>
      <p class="dim">{t(isTeam.value ? "sealed_team" : "sealed_others")}</p>
      {isTeam.value && !found ? (
        <button type="button" class="button" onClick={() => beginOpening(row.id)}>
          {t("sealed_open")} <kbd aria-hidden="true">E</kbd>
        </button>
      ) : null}
      {found ? <Opened texts={found.texts} /> : null}
      {asking.value === row.id ? <Opening row={row} /> : null}
    </Section>
  );
}

function Opened({ texts }: { texts: string[] }): JSX.Element {
  return (
    <div class="opened">
      <p class="banner warn">▲ {t("sealed_shown")}</p>
      {texts.map((text, at) => (
        <pre key={at}>{text}</pre>
      ))}
      <button
        type="button"
        class="button"
        onClick={() => {
          shown.value = null;
        }}
      >
        {t("sealed_hide")}
      </button>
    </div>
  );
}

// Cryptography is a chunk of its own: few people open anything.
const box = (): Promise<typeof import("./box")> => import("./box");

interface Box {
  id?: string;
  box: string;
  name?: string;
}
interface Boxes {
  missing?: number;
  boxes: Box[];
}
type Trouble =
  { at: "none" } | { at: "fresh" } | { at: "problem"; problem: Problem } | { at: "key" } | { at: "shut" };

function Opening({ row }: { row: Row }): JSX.Element {
  const [trouble, setTrouble] = useState<Trouble>({ at: "none" });
  const close = (): void => {
    asking.value = null;
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement),
      file = data.get("key");
    const key = file instanceof File ? await read(file) : null;
    if (!key) return setTrouble({ at: "key" });
    const outcome = await open(row.id, String(data.get("reason")), key);
    key.fill(0);
    if (outcome.at !== "none") return setTrouble(outcome);
    close();
  };
  return (
    <Dialog title={t("sealed_open")} onClose={close}>
      <p>{t("sealed_how")}</p>
      {trouble.at === "fresh" ? <Reauthenticate onDone={() => setTrouble({ at: "none" })} /> : null}
      <form onSubmit={(event) => void submit(event)}>
        <label>
          {t("reason_must")}
          <textarea name="reason" rows={3} required maxLength={500} autofocus />
        </label>
        <label>
          {t("sealed_key_file")}
          <input name="key" type="file" required />
        </label>
        <TroubleText trouble={trouble} />
        <div class="row end">
          <button type="button" class="button" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button main">
            {t("sealed_open")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function TroubleText({ trouble }: { trouble: Trouble }): JSX.Element | null {
  if (trouble.at === "none" || trouble.at === "fresh") return null;
  const text =
    trouble.at === "problem"
      ? problemText(trouble.problem)
      : t(trouble.at === "key" ? "sealed_no_key" : "sealed_other_key");
  return (
    <p class="banner bad" role="alert">
      ✕ {text}
    </p>
  );
}

async function read(file: File): Promise<Uint8Array | null> {
  const { keyOf } = await box();
  try {
    return keyOf((await file.text()).slice(0, 4096));
  } catch {
    return null;
  }
}

async function open(alertId: string, reason: string, key: Uint8Array): Promise<Trouble> {
  const answer = await post<Boxes>(`sealed/${encodeURIComponent(alertId)}/openings`, { reason });
  if (!answer.ok) {
    return answer.problem.code === "session.not_fresh" ? { at: "fresh" } : { at: "problem", problem: answer.problem };
  }
  const { fromBase64, openBox } = await box();
  try {
    const texts = answer.value.boxes.map((one) => textOf(openBox(fromBase64(one.box), key)));
    const missing = answer.value.missing ?? 0;
    if (missing) texts.push(t("boxes_missing", missing));
    shown.value = { alertId, texts };
    return { at: "none" };
  } catch {
    return { at: "shut" };
  }
}

/** What was in a box, for people: JSON by lines, other bytes as text. */
function textOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  try {
    return Object.entries(JSON.parse(text) as Json)
      .map(([name, value]) => `${name}: ${plain(String(typeof value === "object" ? JSON.stringify(value) : value))}`)
      .join("\n");
  } catch {
    return plain(text, 4000);
  }
}
