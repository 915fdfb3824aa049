// The ledger: who did and who looked, newest first, with the state of its chain.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Json } from "../api/shapes";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { now } from "../state/clock";
import { lang, said, t } from "../words/words";
import { Page } from "./page";

interface LedgerRow {
  seq: number;
  at_ms: number;
  actor: string;
  actor_name?: string;
  role?: string | null;
  act: string;
  subject: string;
  purpose?: string | null;
  outcome: string;
  rule: string;
  reason: string;
  session?: string;
  hash?: string;
}
interface Found { rows?: Json[]; entries?: Json[]; size?: number; head?: string; root?: string; verified?: boolean | null }

export function Ledger(): JSX.Element {
  const [query, setQuery] = useState("");
  const { value, problem, again } = useAsked<Found | Json[]>(`ledger${query}`, query);
  const found: Found = Array.isArray(value) ? { rows: value } : (value ?? {});
  const rows = (found.rows ?? found.entries ?? []).map(rowOf);
  return (
    <Page title={t("page_ledger")} problem={problem}>
      <p class="dim">{t("ledger_why")}</p>
      <Search onSearch={setQuery} again={again} />
      {found.size === undefined ? null : <p>{t("ledger_size", found.size)} <code>{(found.root ?? found.head ?? "").slice(0, 24)}</code></p>}
      <table class="grid">
        <thead><tr>
          <th>{t("seq")}</th><th>{t("at")}</th><th>{t("actor")}</th><th>{t("act")}</th><th>{t("subject")}</th>
          <th>{t("outcome")}</th><th>{t("reason")}</th>
        </tr></thead>
        <tbody>{rows.map((row) => <LedgerLine key={row.seq} row={row} />)}</tbody>
      </table>
      {value && !rows.length ? <p class="calm">{t("ledger_none")}</p> : null}
    </Page>
  );
}

function LedgerLine({ row }: { row: LedgerRow }): JSX.Element {
  return (
    <tr class={row.outcome === "refused" ? "refused" : ""}>
      <td>{row.seq}</td><td>{timeText(row.at_ms, now.value, lang.value)}</td>
      <td>{plain(row.actor_name || row.actor, 40)}{row.role ? <small>{said("role", row.role)}</small> : null}</td>
      <td><code>{row.act}</code></td><td><code>{plain(row.subject, 40)}</code></td>
      <td>{row.outcome === "refused" ? "✕ " : ""}{said("outcome", row.outcome)}<small>{row.rule}</small></td><td>{plain(row.reason, 160)}</td>
    </tr>
  );
}

/** A row of the console, flat or as {place: {seq}, entry: {...}}. */
function rowOf(found: Json): LedgerRow {
  const entry = (found["entry"] ?? found) as Json, place = (found["place"] ?? {}) as Json;
  return { seq: 0, subject: "", outcome: "", rule: "", reason: "", ...place, ...entry, ...("seq" in found ? { seq: found["seq"] } : {}) } as unknown as LedgerRow;
}

function Search({ onSearch, again }: { onSearch: (query: string) => void; again: () => void }): JSX.Element {
  const submit = (event: Event): void => {
    event.preventDefault();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(event.currentTarget as HTMLFormElement)) if (String(value)) query.set(name, String(value));
    const text = query.toString();
    onSearch(text ? `?${text}` : "");
    again();
  };
  return (
    <form class="filters" role="search" onSubmit={submit}>
      <label>{t("actor")}<input name="actor" maxLength={80} /></label>
      <label>{t("act")}<input name="act" maxLength={60} placeholder="alert.acknowledge" /></label>
      <label>{t("subject")}<input name="subject" maxLength={80} /></label>
      <button type="submit" class="button main">{t("search")}</button>
    </form>
  );
}
