// Agreements under which another organisation sees what is ours: all of them for the desk, which proposes, approves and
// withdraws; for whoever sees something under one, what it says and its cameras.
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import { ask, newKey } from "../api/http";
import type { Problem } from "../api/shapes";
import { timeText } from "../core/ages";
import { termsOf, timeOf, type Terms } from "../core/agreements";
import { plain } from "../core/text";
import { Player, wanted } from "../footage/player";
import { Button, Section, Tag } from "../frame/button";
import { useAsked } from "../frame/use_asked";
import { Reauthenticate } from "../sealed/reauthenticate";
import { tell } from "../state/acts";
import { askCity, cameras, city, districtName, districts } from "../state/city";
import { now } from "../state/clock";
import { types } from "../state/directory";
import { problemText } from "../state/problem_text";
import { may } from "../state/session";
import { lang, said, t } from "../words/words";
import { Page } from "./page";

interface Agreement {
  id: string;
  state: string;
  terms: Terms;
  proposed_by: string;
  approved_by?: string;
  withdrawn_by?: string;
  withdrawn_why?: string;
  may?: string[];
}
interface Mine {
  id: string;
  terms: Terms;
  cameras: string[];
  closes_ms: number;
}

const KINDS = ["alerts", "live", "clips"] as const;
const LASTS = new Set(["proposed", "coming", "standing"]);
const time = (atMs: number): string => timeText(atMs, now.value, lang.value);
const day = (atMs: number): string => new Date(atMs).toLocaleDateString(lang.value === "es" ? "es-AR" : "en-GB");

export function Agreements(): JSX.Element {
  useEffect(() => {
    if (!city.value) void askCity();
  }, []);
  return may("agreements.read") ? <Desk /> : <OfMine />;
}

function Desk(): JSX.Element {
  const { value, problem, again } = useAsked<Agreement[]>("agreements");
  return (
    <Page title={t("page_agreements")} problem={problem}>
      <p class="dim">{t("agreements_why")}</p>
      {value && !value.length ? <p class="calm">✓ {t("agreements_none")}</p> : null}
      {(value ?? []).map((one) => (
        <Card key={one.id} one={one} again={again} />
      ))}
      {may("agreement.propose") ? <Propose again={again} /> : null}
    </Page>
  );
}

function Card({ one, again }: { one: Agreement; again: () => void }): JSX.Element {
  const name = `${plain(one.terms.document, 120)} · ${plain(one.terms.agency, 80)}`;
  return (
    <section class={LASTS.has(one.state) ? "section agreement" : "section agreement over"} aria-label={name}>
      <div class="row between">
        <h3>{name}</h3>
        <Tag tone={one.state === "standing" ? "good" : ""}>{said("agreement_state", one.state)}</Tag>
      </div>
      <TermsText terms={one.terms} />
      <p class="dim">
        {[
          t("agreement_by_proposed", plain(one.proposed_by, 80)),
          one.approved_by ? t("agreement_by_approved", plain(one.approved_by, 80)) : "",
          one.withdrawn_by
            ? t("agreement_by_withdrawn", plain(one.withdrawn_by, 80), plain(one.withdrawn_why ?? "", 300))
            : "",
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      <Steps one={one} again={again} />
    </section>
  );
}

function TermsText({ terms }: { terms: Terms }): JSX.Element {
  const { hours } = terms;
  const where = [
    ...(terms.districts ?? []).map(districtName),
    ...(terms.cameras ?? []).map((id) => plain(cameraName(id), 80)),
    ...(terms.types ?? []).map(typeName),
  ];
  return (
    <>
      <p>{plain(terms.purpose, 500)}</p>
      <p>
        {terms.kinds.map((kind) => said("share", kind)).join(", ")} · {where.join(" · ")}
      </p>
      <p>
        {t("agreement_lasts", day(terms.starts_ms), day(terms.ends_ms - 1))}
        {hours ? `, ${t("agreement_hours", timeOf(hours.since), timeOf(hours.until))}` : ""}
      </p>
    </>
  );
}

const cameraName = (id: string): string => cameras.value.find((one) => one.id === id)?.name ?? id;
function typeName(code: string): string {
  const found = types.value.find((one) => one.code === code);
  return found ? (lang.value === "es" ? found.es : found.en) : code;
}

/** The key stays until somebody answered, so that pressing twice is once. */
function Steps({ one, again }: { one: Agreement; again: () => void }): JSX.Element | null {
  const [state, setState] = useState<"" | "fresh" | "why">("");
  const mine = one.may ?? [];
  const send = async (step: string, body?: object): Promise<void> => {
    const answer = await ask("POST", `agreements/${encodeURIComponent(one.id)}/${step}`, body ? { body } : {});
    if (!answer.ok && answer.problem.code === "session.not_fresh") {
      setState("fresh");
      return;
    }
    if (!answer.ok) tell(problemText(answer.problem), "bad");
    setState("");
    again();
  };
  const withdraw = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    void send("withdrawal", { reason: String(data.get("reason") ?? "") });
  };
  if (!mine.length) return null;
  return (
    <>
      <div class="row">
        {mine.includes("approve") ? (
          <Button tone="main" onPress={() => void send("approval")}>
            {t("agreement_approve")}
          </Button>
        ) : null}
        {mine.includes("withdraw") ? (
          <Button tone="danger" onPress={() => setState("why")}>
            {t("agreement_withdraw")}
          </Button>
        ) : null}
      </div>
      {state === "fresh" ? <Reauthenticate onDone={() => void send("approval")} /> : null}
      {state === "why" ? (
        <form class="hand-over" onSubmit={withdraw}>
          <p>{t("agreement_ends_now")}</p>
          <label>
            {t("agreement_withdraw_why")}
            <input name="reason" required minLength={3} maxLength={500} />
          </label>
          <button type="submit" class="button danger">
            {t("agreement_withdraw")}
          </button>
        </form>
      ) : null}
    </>
  );
}

function Propose({ again }: { again: () => void }): JSX.Element {
  const [key, setKey] = useState(newKey);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const body = termsOf(new FormData(form));
    if (!body) return;
    const answer = await ask("POST", "agreements", { body, key });
    setProblem(answer.ok ? null : answer.problem);
    setKey(newKey());
    if (!answer.ok) return;
    tell(t("agreement_proposed"), "good");
    form.reset();
    again();
  };
  return (
    <form class="hand-over propose" onSubmit={(event) => void submit(event)}>
      <h3>{t("agreement_new")}</h3>
      <div class="row">
        <Field name="document" words={t("agreement_document")} most={120} />
        <Field name="agency" words={t("agreement_agency")} most={80} />
      </div>
      <Field name="purpose" words={t("agreement_purpose")} most={500} />
      <fieldset>
        <legend>{t("agreement_kinds")}</legend>
        {KINDS.map((kind) => (
          <label key={kind} class="check">
            <input type="checkbox" name="kinds" value={kind} /> {said("share", kind)}
          </label>
        ))}
      </fieldset>
      <div class="row">
        <label>
          {t("district")}
          <select name="districts" multiple size={4}>
            {[...districts.value].map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("agreement_types")}
          <select name="types" multiple size={4}>
            {types.value.map((one) => (
              <option key={one.code} value={one.code}>
                {typeName(one.code)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("agreement_cameras")}
          <input name="cameras" maxLength={2000} autocomplete="off" />
        </label>
      </div>
      <div class="row">
        <When name="starts" type="date" words={t("agreement_from")} must />
        <When name="ends" type="date" words={t("agreement_to")} must />
        <When name="since" type="time" words={t("agreement_since")} />
        <When name="until" type="time" words={t("agreement_until")} />
      </div>
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      <div class="row end">
        <button type="submit" class="button main">
          {t("agreement_propose")}
        </button>
      </div>
    </form>
  );
}

function Field({ name, words, most }: { name: string; words: string; most: number }): JSX.Element {
  return (
    <label>
      {words}
      <input name={name} required maxLength={most} autocomplete="off" />
    </label>
  );
}

function When({ name, type, words, must = false }: { name: string; type: "date" | "time"; words: string; must?: boolean }): JSX.Element {
  return (
    <label>
      {words}
      <input name={name} type={type} required={must} />
    </label>
  );
}

function OfMine(): JSX.Element {
  const { value, problem } = useAsked<Mine>("agreement");
  return (
    <Page title={t("page_agreements")} problem={problem}>
      {value ? (
        <section class="section agreement" aria-label={plain(value.terms.document, 120)}>
          <h3>{t("agreement_mine", plain(value.terms.document, 120))}</h3>
          <TermsText terms={value.terms} />
          <p>{t("agreement_closes", time(value.closes_ms))}</p>
        </section>
      ) : null}
      {value?.terms.kinds.includes("live") ? <Looking ids={value.cameras} /> : null}
    </Page>
  );
}

/** The agreement's cameras, live: each look says what for. */
function Looking({ ids }: { ids: string[] }): JSX.Element {
  const [reason, setReason] = useState("");
  const look = (camera: string): void => {
    wanted.value = { camera, name: cameraName(camera), alertId: "", atMs: now.value, reason };
  };
  return (
    <Section title={said("share", "live")}>
      <label>
        {t("agreement_look_why")}
        <input
          name="look_why"
          minLength={3}
          maxLength={500}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <div class="row">
        {ids.map((id) => (
          <Button key={id} off={reason.trim().length < 3} onPress={() => look(id)}>
            {plain(cameraName(id), 80)}
          </Button>
        ))}
      </div>
      <Player alertId="" />
    </Section>
  );
}
