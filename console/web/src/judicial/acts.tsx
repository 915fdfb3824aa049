// What may be done with a request now: the acts that the console lists for whoever reads it, each with what it needs.
import { useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import type { RequestPage } from "../api/judicial";
import type { Problem } from "../api/shapes";
import { isSeen } from "../core/filing";
import { plain } from "../core/text";
import { Section } from "../frame/button";
import { people, personName } from "../state/directory";
import { tell } from "../state/notes";
import { problemText } from "../state/problem_text";
import { cameraName, isCustodian, jurisdiction, saying, takeAct } from "../state/judicial";
import { session } from "../state/session";
import { t, type Word } from "../words/words";
import { CopyFields, copyName, copyOrder } from "./copies";
import { filingOf, OrderFields } from "./new_request";
import { ReplyForm } from "./reply";

/** In the order in which a request goes its way. What the console lists and no form here makes is done elsewhere. */
const KINDS = [
  "reply", "take_up", "approve", "reject", "find_nothing", "observe", "build", "derive", "deliver", "receive", "ask_copy",
  "confirm", "renew", "close", "reopen", "conflict", "replace",
] as const; // prettier-ignore
type Kind = (typeof KINDS)[number];
const DANGER: ReadonlySet<Kind> = new Set(["reject", "conflict", "replace"]);
type Body = Record<string, unknown> | string;

export function Acts({ page, onTaken }: { page: RequestPage; onTaken: (page: RequestPage) => void }): JSX.Element {
  const [open, setOpen] = useState<Kind | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const mine = KINDS.filter((kind) => page.may.includes(kind) && makesSense(kind, page));
  const send = async (kind: Kind, body: object): Promise<void> => {
    const answer = await takeAct(page, kind, body);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    setOpen(null);
    tell(t("todo_done", t(`todo_${kind}`)), "good");
    onTaken(answer.value);
  };
  return (
    <Section title={t("todo_title")}>
      {mine.length ? null : <p class="dim">{t("todo_none")}</p>}
      <div class="row todo">
        {mine.map((kind) => (
          <button
            key={kind}
            type="button"
            class={`button ${DANGER.has(kind) ? "danger" : ""}`}
            aria-expanded={open === kind}
            onClick={() => {
              setProblem(null);
              setOpen(open === kind ? null : kind);
            }}
          >
            {t(`todo_${kind}`)}
          </button>
        ))}
      </div>
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      {open === "reply" ? <ReplyForm page={page} onSend={(body) => void send("reply", body)} /> : null}
      {open && open !== "reply" ? (
        <ActForm key={open} kind={open} page={page} onSend={(body) => void send(open, body)} />
      ) : null}
    </Section>
  );
}

const unsigned = (page: RequestPage): { recipient: string; party: string; digest: string }[] =>
  (page.deliveries ?? []).filter(
    (one) => !one.receipt_ms && (isCustodian.value || one.recipient === session.value?.person_id),
  );

/** A receipt is for a copy that came; a copy is of a package. */
function makesSense(kind: Kind, page: RequestPage): boolean {
  if (kind === "receive") return unsigned(page).length > 0;
  if (kind === "deliver") return Boolean(page.package?.digest);
  return true;
}

interface Acting {
  kind: Kind;
  page: RequestPage;
  onSend: (body: object) => void;
}

function ActForm({ kind, page, onSend }: Acting): JSX.Element {
  const [lacks, setLacks] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    const body = bodyOf(kind, page, new FormData(event.currentTarget as HTMLFormElement));
    setLacks(typeof body === "string" ? body : "");
    if (typeof body !== "string") onSend(body);
  };
  const why = WHY[kind];
  return (
    <form class="hand-over" onSubmit={submit}>
      <h4>{t(`todo_${kind}`)}</h4>
      {why ? <p class="dim">{t(why)}</p> : null}
      {fieldsOf(kind, page)}
      {lacks ? (
        <p class="banner bad" role="alert">
          ✕ {lacks}
        </p>
      ) : null}
      <div class="row end">
        <button type="submit" class={`button ${DANGER.has(kind) ? "danger" : "main"}`}>
          {t(`todo_${kind}`)}
        </button>
      </div>
    </form>
  );
}

const WHY: Partial<Record<Kind, Word>> = {
  take_up: "why_take_up",
  approve: "why_approve",
  reject: "why_reject",
  find_nothing: "why_find_nothing",
  build: "why_build",
  derive: "why_derive",
  deliver: "why_deliver",
  conflict: "why_conflict",
  close: "why_close",
  observe: "why_observe",
  confirm: "why_confirm",
  reopen: "why_reopen",
  receive: "receive_why",
};

function fieldsOf(kind: Kind, page: RequestPage): ComponentChildren {
  switch (kind) {
    case "observe":
      return <Text name="question" most={500} />;
    case "renew":
    case "reopen":
      return <Text name="reason" most={500} />;
    case "conflict":
      return [<Person key="person" page={page} />, <Text key="reason" name="reason" most={500} />];
    case "approve":
      return [<DeniedItems key="denied" page={page} />, <Text key="words" name="words" most={2000} must={false} />];
    case "reject":
      return [<Code key="code" of="refusal" />, <Text key="words" name="words" most={2000} must={false} />];
    case "find_nothing":
      return [<Code key="code" of="negative" />, <Text key="searched" name="searched" most={2000} />];
    case "derive":
      return <CopyFields page={page} />;
    case "deliver":
      return [<What key="what" page={page} />, <Recipient key="recipient" page={page} />];
    case "receive":
      return <Receipt page={page} />;
    case "ask_copy":
      return isCustodian.value ? <Line name="recipient" /> : null;
    case "replace":
      return <Line name="by_request" />;
    case "confirm":
      return <OrderFields />;
    default:
      return null;
  }
}

const textOf = (data: FormData, name: string): string => String(data.get(name) ?? "").trim();

/** What is sent with the act, or why it cannot be. */
function bodyOf(kind: Kind, page: RequestPage, data: FormData): Body {
  const only = (...names: string[]): Record<string, unknown> =>
    Object.fromEntries(names.map((name) => [name, textOf(data, name)]).filter(([, value]) => value));
  switch (kind) {
    case "approve":
      return { ...only("words"), denied: deniedOf(page, data) };
    case "deliver":
      return { ...only("recipient", "party"), digest: textOf(data, "digest") || page.package?.digest };
    case "derive":
      return copyOrder(data);
    case "receive":
      return receiptOf(page, data);
    case "confirm":
      return { filing: orderFor(page, data) };
    default:
      return only("question", "reason", "person", "code", "words", "searched", "recipient", "by_request");
  }
}

function receiptOf(page: RequestPage, data: FormData): Body {
  const copy = unsigned(page)[Number(data.get("copy") ?? 0)];
  if (!copy || !isSeen(textOf(data, "digest"), copy.digest)) return t("receive_other");
  return { recipient: copy.recipient, digest: copy.digest };
}

/** The order for just what was preserved. */
function orderFor(page: RequestPage, data: FormData): object {
  const known = Object.entries(jurisdiction.value?.authority ?? {});
  const authority = known.find(([, one]) => one.es === page.line.authority);
  return {
    ...filingOf(data, false),
    authority: authority?.[0] ?? "",
    office: page.line.office,
    case: page.line.case,
    reason: page.reason,
    alerts: page.alerts,
    drill: page.line.drill,
    items: page.items.map(({ camera, since, until }) => ({ camera, since, until })),
  };
}

const deniedOf = (page: RequestPage, data: FormData): { item: number; code: string }[] =>
  page.items.flatMap((item) => {
    const code = textOf(data, `denied-${item.n}`);
    return code ? [{ item: item.n, code }] : [];
  });

interface Written {
  name: "question" | "reason" | "words" | "searched";
  most: number;
  must?: boolean;
}

function Text({ name, most, must = true }: Written): JSX.Element {
  return (
    <label>
      {t(`field_${name}`)}
      <textarea name={name} rows={2} required={must} minLength={must ? 3 : 0} maxLength={most} />
    </label>
  );
}

function Line({ name }: { name: "recipient" | "by_request" }): JSX.Element {
  return (
    <label>
      {t(`field_${name}`)}
      <input name={name} required maxLength={120} autocomplete="off" />
    </label>
  );
}

function Code({ of }: { of: "refusal" | "negative" }): JSX.Element {
  return (
    <label>
      {t("field_code")}
      <select name="code" required>
        <option value="">{t("choose")}</option>
        <Codes of={of} />
      </select>
    </label>
  );
}

function Codes({ of }: { of: "refusal" | "negative" }): JSX.Element {
  return (
    <>
      {Object.entries(jurisdiction.value?.[of] ?? {}).map(([code, one]) => (
        <option key={code} value={code}>
          {[saying(one), one.article].filter(Boolean).join(" · ")}
        </option>
      ))}
    </>
  );
}

function DeniedItems({ page }: { page: RequestPage }): JSX.Element {
  return (
    <>
      {page.items.map((item) => (
        <label key={item.n}>
          {t("field_denied", item.n + 1, plain(cameraName(item.camera), 80))}
          <select name={`denied-${item.n}`}>
            <option value="">✓ {t("field_granted")}</option>
            <Codes of="refusal" />
          </select>
        </label>
      ))}
    </>
  );
}

/** Oneself first, then whoever did something of it. */
function Person({ page }: { page: RequestPage }): JSX.Element {
  const { clerk = "", approvers = [], exporter = "" } = page.parties ?? {};
  const known = new Set([session.value?.person_id ?? "", clerk, ...approvers, exporter]);
  const others = people.value.filter((one) => one.roles.includes("custodian")).map((one) => one.id);
  return (
    <label>
      {t("field_person")}
      <select name="person" required>
        <Names ids={[...known, ...others]} />
      </select>
    </label>
  );
}

function Names({ ids }: { ids: readonly string[] }): JSX.Element {
  return (
    <>
      {[...new Set(ids)].filter(Boolean).map((id) => (
        <option key={id} value={id}>
          {personName(id)}
        </option>
      ))}
    </>
  );
}

/** Which of them is given, where there is more than the package. */
function What({ page }: { page: RequestPage }): JSX.Element | null {
  const copies = (page.copies ?? []).filter((one) => one.digest);
  if (!copies.length) return null;
  return (
    <label>
      {t("field_what")}
      <select name="digest">
        <option value="">{t("field_what_package")}</option>
        {copies.map((one) => (
          <option key={one.n} value={one.digest}>
            {copyName(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

const PARTIES = ["fiscalía", "defensa", "juzgado"];

/** Who asked for it or wants a copy, then everybody else who may ask; or somebody who has no account here. */
function Recipient({ page }: { page: RequestPage }): JSX.Element {
  const [isStranger, setStranger] = useState(false);
  const askers = people.value.filter((one) => one.roles.some((role) => role === "prosecutor" || role === "defender"));
  return (
    <>
      <label class="check">
        <input type="checkbox" checked={isStranger} onChange={(event) => setStranger(event.currentTarget.checked)} />
        {t("recipient_stranger")}
      </label>
      <div class="row">
        <label>
          {t("field_recipient")}
          {isStranger ? (
            <input name="recipient" required maxLength={120} autocomplete="off" />
          ) : (
            <select name="recipient" required>
              <Names ids={[...(page.wanted ?? []), page.parties?.requester ?? "", ...askers.map((one) => one.id)]} />
            </select>
          )}
        </label>
        <label>
          {t("field_party")}
          <input name="party" required maxLength={120} list="parties" autocomplete="off" />
          <datalist id="parties">
            {PARTIES.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </label>
      </div>
    </>
  );
}

function Receipt({ page }: { page: RequestPage }): JSX.Element {
  const copies = unsigned(page);
  return (
    <>
      {copies.length > 1 ? (
        <label>
          {t("field_recipient")}
          <select name="copy">
            {copies.map((one, n) => (
              <option key={n} value={n}>
                {personName(one.recipient)} · {plain(one.party, 80)}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      <label>
        {t("receive_digest")}
        <input
          name="digest"
          class="code-like"
          required
          minLength={8}
          maxLength={80}
          autocomplete="off"
          spellcheck={false}
        />
      </label>
    </>
  );
}
