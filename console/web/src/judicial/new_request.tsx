// A new request: who asks and what for, which cameras, when. What is asked is on hold when the console answers; the
// page that opens then says so item by item.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { RequestPage } from "../api/judicial";
import type { Problem } from "../api/shapes";
import { itemsOf, MOST_ITEMS } from "../core/filing";
import { tell } from "../state/notes";
import { problemText } from "../state/problem_text";
import { authorities, isCustodian, jurisdiction, sendFiling } from "../state/judicial";
import { both, t } from "../words/words";
import { CameraChoice, type Choice } from "./camera_choice";
import { Intervals, intervalsOf, newDraft, type Draft } from "./intervals";

export const ORDERS = ["prosecutor_order", "court_order", "none"] as const;
const PROCEEDINGS = ["criminal", "contravention", "civil", "other"] as const;

export function NewRequest({ onFiled }: { onFiled: (page: RequestPage) => void }): JSX.Element {
  const [chosen, setChosen] = useState<Choice>(new Set<string>());
  const [drafts, setDrafts] = useState<Draft[]>(() => [newDraft()]);
  const [isProvisional, setProvisional] = useState(false);
  const [lacks, setLacks] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const count = chosen.size * drafts.length;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const intervals = intervalsOf(drafts);
    const missing = lacking(count, chosen, intervals !== null);
    setLacks(missing);
    if (missing || !intervals) return;
    setBusy(true);
    const told = filingOf(new FormData(event.target as HTMLFormElement), isProvisional);
    const answer = await sendFiling({ ...told, items: itemsOf([...chosen].sort(), intervals) });
    setBusy(false);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    tell(t("held_now"), "good");
    onFiled(answer.value);
  };
  const bad = lacks || (problem ? problemText(problem) : "");
  return (
    <form class="filing" onSubmit={(event) => void submit(event)}>
      <p class="dim">{isCustodian.value ? t("filing_paper_why") : t("portal_why")}</p>
      <Who isProvisional={isProvisional} onProvisional={setProvisional} />
      <Intervals drafts={drafts} onChange={setDrafts} />
      <CameraChoice chosen={chosen} onChange={setChosen} />
      <p role="status">
        <b>{t("filing_is", chosen.size, drafts.length, count)}</b>
      </p>
      {bad ? (
        <p class="banner bad" role="alert">
          ✕ {bad}
        </p>
      ) : null}
      <div class="row end">
        <button type="submit" class="button main" disabled={isBusy}>
          {isBusy ? t("filing_sending") : isProvisional ? t("filing_preserve") : t("filing_send")}
        </button>
      </div>
    </form>
  );
}

function lacking(count: number, chosen: Choice, isWhen: boolean): string {
  if (!isWhen) return t("filing_lacks_times");
  if (!chosen.size) return t("filing_lacks_cameras");
  return count > MOST_ITEMS ? t("filing_most", MOST_ITEMS) : "";
}

const textOf = (data: FormData, name: string): string => String(data.get(name) ?? "").trim();

/** Who asks and what for, as the console reads it. */
export function filingOf(data: FormData, isProvisional: boolean): Record<string, unknown> {
  return {
    authority: textOf(data, "authority"),
    office: textOf(data, "office"),
    case: textOf(data, "case"),
    document: textOf(data, "document"),
    reason: textOf(data, "reason"),
    order: isProvisional ? "none" : textOf(data, "order"),
    proceeding: textOf(data, "proceeding"),
    investigation: data.has("investigation"),
    sealed: data.has("sealed"),
    identity: data.has("identity"),
    alerts: textOf(data, "alerts")
      .split(/[\s,;]+/)
      .filter(Boolean),
    provisional: isProvisional,
  };
}

function Who({
  isProvisional,
  onProvisional,
}: {
  isProvisional: boolean;
  onProvisional: (is: boolean) => void;
}): JSX.Element {
  return (
    <fieldset>
      <legend>{t("filing_who")}</legend>
      <Authority />
      <div class="row">
        <label>
          {t("request_office")}
          <input name="office" required maxLength={120} autocomplete="organization" list="offices" />
          <datalist id="offices">
            {authorities.value.flatMap(([, one]) =>
              [...(one.offices ?? [])].sort().map((name) => <option key={name} value={name} />),
            )}
          </datalist>
        </label>
        <label>
          {t("request_case")}
          <input name="case" required maxLength={120} autocomplete="off" />
        </label>
      </div>
      <label class="check">
        <input
          type="checkbox"
          name="provisional"
          checked={isProvisional}
          onChange={(event) => onProvisional(event.currentTarget.checked)}
        />
        {t("request_provisional", jurisdiction.value?.preservation.days ?? "")}
      </label>
      <OrderFields isProvisional={isProvisional} />
      <label>
        {t("request_reason")}
        <textarea name="reason" required minLength={3} maxLength={500} rows={2} />
      </label>
      <label>
        {t("filing_alerts")}
        <input name="alerts" maxLength={2000} autocomplete="off" aria-describedby="about-alerts" />
      </label>
      <p id="about-alerts" class="dim">
        {t("filing_alert")}
      </p>
    </fieldset>
  );
}

function Authority(): JSX.Element {
  return (
    <label>
      {t("request_authority")}
      <select name="authority" required>
        {authorities.value.length > 1 ? <option value="">{t("choose")}</option> : null}
        {authorities.value.map(([code, one]) => (
          <option key={code} value={code}>
            {both(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The order itself, as a new request and one that an order follows have it. */
export function OrderFields({ isProvisional = false }: { isProvisional?: boolean }): JSX.Element {
  return (
    <>
      <div class="row">
        <label>
          {t("request_order")}
          <select name="order" disabled={isProvisional} required>
            <option value="">{t("choose")}</option>
            {ORDERS.map((one) => (
              <option key={one} value={one}>
                {t(`request_order_${one}`)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("request_document")}
          <input name="document" maxLength={120} autocomplete="off" />
        </label>
        <label>
          {t("request_proceeding")}
          <select name="proceeding">
            {PROCEEDINGS.map((one) => (
              <option key={one} value={one}>
                {t(`request_proceeding_${one}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <label class="check">
        <input type="checkbox" name="investigation" defaultChecked />
        {t("request_investigation")}
      </label>
      <label class="check">
        <input type="checkbox" name="sealed" />
        {t("request_sealed")}
      </label>
      <label class="check">
        <input type="checkbox" name="identity" />
        {t("request_identity")}
      </label>
    </>
  );
}
