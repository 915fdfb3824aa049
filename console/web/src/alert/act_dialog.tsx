// What an act asks before it is sent: only what it needs, the first field with the focus.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Json, Row } from "../api/shapes";
import { SHAPES } from "../core/marks";
import { Dialog } from "../frame/dialog";
import { whereOf, nameOf } from "../queue/row";
import { act, tell } from "../state/acts";
import { clock } from "../state/clock";
import { role } from "../state/session";
import { t } from "../words/words";
import type { ActSpec } from "./acts_table";
import { isFor, unfit } from "./acts_table";
import { FieldOf } from "./fields";

export interface OpenAct {
  spec: ActSpec;
  row: Row;
  absorbed: string[];
  more?: Json;
}
export const openAct = signal<OpenAct | null>(null);

/** By key or button: done at once when it asks nothing. */
export function begin(spec: ActSpec, row: Row, absorbed: string[] = []): void {
  const why = isFor(spec, row, role.peek()) ? unfit(spec, row) : "not_your_role";
  if (why) tell(`${t(spec.word)}: ${t(why)}`, "bad", row.id);
  else if (!spec.fields.length) act(row, spec.kind);
  else openAct.value = { spec, row, absorbed };
}

export function ActDialog(): JSX.Element | null {
  const open = openAct.value;
  return open ? <Asking key={open.spec.kind + open.row.id} open={open} /> : null;
}

const close = (): void => {
  openAct.value = null;
};

function Asking({ open }: { open: OpenAct }): JSX.Element {
  const { spec, row } = open;
  const [missing, setMissing] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    const body = bodyOf(new FormData(event.currentTarget as HTMLFormElement));
    const lacks = lackOf(spec, body);
    setMissing(lacks);
    if (lacks) return;
    act(row, spec.kind, { ...body, ...open.more });
    close();
  };
  return (
    <Dialog title={t(spec.word)} onClose={close}>
      <p class={`subject ${row.level}`}>
        {SHAPES[row.level]} {row.level} {nameOf(row)}, {whereOf(row)}
      </p>
      {spec.warns ? <p class="banner warn">▲ {t(spec.warns)}</p> : null}
      <form
        onSubmit={submit}
        onKeyDown={(event) => {
          if (event.key === "Enter" && event.ctrlKey) event.currentTarget.requestSubmit();
        }}
      >
        {spec.fields.map((field, at) => (
          <FieldOf key={field} field={field} open={open} isFirst={at === 0} />
        ))}
        {missing ? (
          <p class="banner bad" role="alert">
            ✕ {missing}
          </p>
        ) : null}
        <div class="row end">
          <button type="button" class="button" onClick={close}>
            {t("cancel")} <kbd aria-hidden="true">Esc</kbd>
          </button>
          <button type="submit" class={`button ${spec.tone === "danger" ? "danger" : "main"}`}>
            {t(spec.word)} <kbd aria-hidden="true">Ctrl ↵</kbd>
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const LISTS = new Set(["target_ids"]);
const NUMBERS = new Set(["lat", "lon"]);

/** The body of an act out of its form; what was left empty is not sent. */
export function bodyOf(data: FormData, nowMs: number = clock.now()): Json {
  const body: Json = {},
    place: Json = {};
  for (const [name, value] of data) {
    const text = String(value).trim();
    if (!text) continue;
    if (LISTS.has(name)) body[name] = [...((body[name] as string[] | undefined) ?? []), text];
    else if (name === "for_min") body["until_ms"] = Math.round(nowMs + Number(text) * 60_000);
    else if (NUMBERS.has(name)) place[name] = Number(text.replace(",", "."));
    else if (name === "place_text") place["text"] = text;
    else if (name === "district") place["district"] = text;
    else body[name] = text;
  }
  if (Object.keys(place).length) body["place"] = place;
  return body;
}

function lackOf(spec: ActSpec, body: Json): string {
  if (spec.fields.includes("reason_must") && !body["reason"]) return t("lacks_reason");
  if (spec.fields.includes("disposition") && !body["disposition"]) return t("lacks_disposition");
  if (spec.fields.includes("targets") && !body["target_ids"]) return t("lacks_targets");
  if (spec.fields.includes("agency") && spec.kind === "dispatch" && !body["agency"]) return t("lacks_agency");
  return "";
}
