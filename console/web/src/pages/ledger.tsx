// The ledger: who did and who looked, newest first. Whoever reads it says why, and that stands in it too.
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import { ask } from "../api/http";
import type { Problem } from "../api/shapes";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { now } from "../state/clock";
import { askPeople, personName } from "../state/directory";
import { may } from "../state/session";
import { lang, said, t } from "../words/words";
import { TrailForm } from "../judicial/trail";
import { Page } from "./page";

interface LedgerLine {
  seq: number;
  hash: string;
  at_ms: number;
  actor: string;
  act: string;
  subject: string;
  outcome: string;
  role?: string | null;
  rule?: string;
  reason?: string;
}

interface Wanted {
  query: string;
  reason: string;
}

export function Ledger(): JSX.Element {
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [lines, setLines] = useState<LedgerLine[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (!wanted) return;
    void ask<LedgerLine[]>("GET", `ledger${wanted.query}`, { reason: wanted.reason }).then((answer) => {
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) setLines(answer.value);
      // Names are read for the same reason.
      void askPeople(wanted.reason);
    });
  }, [wanted]);
  return (
    <Page title={t("page_ledger")} problem={problem}>
      <p class="dim">{t("ledger_why")}</p>
      <Search onSearch={setWanted} />
      <table class="grid">
        <thead>
          <tr>
            <th>{t("seq")}</th>
            <th>{t("at")}</th>
            <th>{t("actor")}</th>
            <th>{t("act")}</th>
            <th>{t("subject")}</th>
            <th>{t("outcome")}</th>
            <th>{t("reason")}</th>
          </tr>
        </thead>
        <tbody>
          {(lines ?? []).map((line) => (
            <LineRow key={line.seq} line={line} />
          ))}
        </tbody>
      </table>
      {lines && !lines.length ? <p class="calm">{t("ledger_none")}</p> : null}
      {may("footage.trail") ? <TrailForm /> : null}
    </Page>
  );
}

function LineRow({ line }: { line: LedgerLine }): JSX.Element {
  return (
    <tr class={line.outcome === "refused" ? "refused" : ""}>
      <td title={line.hash}>{line.seq}</td>
      <td>{timeText(line.at_ms, now.value, lang.value)}</td>
      <td>
        {personName(line.actor)}
        {line.role ? <small>{said("role", line.role)}</small> : null}
      </td>
      <td>
        <code>{line.act}</code>
      </td>
      <td>
        <code>{plain(line.subject, 40)}</code>
      </td>
      <td>
        {line.outcome === "refused" ? "✕ " : ""}
        {said("outcome", line.outcome)}
        <small>{line.rule}</small>
      </td>
      <td>{plain(line.reason ?? "", 160)}</td>
    </tr>
  );
}

function Search({ onSearch }: { onSearch: (wanted: Wanted) => void }): JSX.Element {
  const submit = (event: Event): void => {
    event.preventDefault();
    const query = new URLSearchParams(),
      data = new FormData(event.currentTarget as HTMLFormElement);
    for (const name of ["actor", "act", "subject"]) {
      const value = String(data.get(name) ?? "").trim();
      if (value) query.set(name, value);
    }
    const text = query.toString();
    onSearch({ query: text ? `?${text}` : "", reason: String(data.get("why") ?? "") });
  };
  return (
    <form class="filters" role="search" onSubmit={submit}>
      <label>
          {t("why_read")}
          <input name="why" required minLength={3} maxLength={200} />
        </label>
      <label>
        {t("actor")}
        <input name="actor" maxLength={80} />
      </label>
      <label>
        {t("act")}
        <input name="act" maxLength={60} placeholder="alert." />
      </label>
      <label>
        {t("subject")}
        <input name="subject" maxLength={80} />
      </label>
      <button type="submit" class="button main">
        {t("search")}
      </button>
    </form>
  );
}
