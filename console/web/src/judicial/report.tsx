// A year of requests: each table with its sum, which is what was received.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Counts, Waits, YearReport } from "../api/judicial";
import { ageText } from "../core/ages";
import { Section } from "../frame/button";
import { useAsked } from "../frame/use_asked";
import { now } from "../state/clock";
import { problemText } from "../state/problem_text";
import { jurisdiction, saying } from "../state/judicial";
import { said, t, type Word } from "../words/words";

const FIGURES = [
  "items_asked", "items_denied", "missing_minutes", "copies", "receipts", "lapsed", "late", "held", "held_in_a_second",
] as const; // prettier-ignore

export function Report(): JSX.Element {
  const [year, setYear] = useState(() => new Date(now.value).getFullYear());
  const { value, problem } = useAsked<YearReport>(`requests/report?year=${year}`);
  const submit = (event: Event): void => {
    event.preventDefault();
    setYear(Number(new FormData(event.currentTarget as HTMLFormElement).get("year")));
  };
  return (
    <section class="section">
      <form class="row" onSubmit={submit}>
        <label>
          {t("report_year")}
          <input name="year" type="number" min={2020} max={2200} defaultValue={year} required />
        </label>
        <button type="submit" class="button">
          {t("report_show")}
        </button>
      </form>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
      {value ? <Told report={value} /> : null}
    </section>
  );
}

function Told({ report }: { report: YearReport }): JSX.Element {
  return (
    <>
      <h3>{t("report_of", report.year)}</h3>
      <div class="figures">
        <p class="figure">
          <b>{report.received}</b>
          {t("report_received")}
        </p>
        {FIGURES.map((name) => (
          <p key={name} class={name === "late" && report.late ? "figure bad" : "figure"}>
            <b>{report[name]}</b>
            {t(`report_${name}`)}
          </p>
        ))}
      </div>
      <div class="tables">
        <Table of={report.by_kind} word="report_by_kind" prefix="kind" whole={report.received} />
        <Table of={report.by_state} word="report_by_state" prefix="request_state" whole={report.received} />
        <Table of={report.by_answer} word="report_by_answer" prefix="answer" whole={report.received} />
        <Codes of={report.refusals} word="report_refusals" names="refusal" />
        <Codes of={report.negatives} word="report_negatives" names="negative" />
      </div>
      <Took waits={report.to_hold} word="report_to_hold" />
      <Took waits={report.to_delivery} word="report_to_delivery" />
    </>
  );
}

function Table({ of, word, prefix, whole }: { of: Counts; word: Word; prefix: string; whole: number }): JSX.Element {
  const sum = Object.values(of).reduce((a, b) => a + b, 0);
  return (
    <Section title={t(word)}>
      <Rows of={of} name={(code) => said(prefix, code)} />
      <p class={sum === whole ? "calm" : "banner bad"}>
        {sum === whole ? `✓ ${t("report_sum_is", sum)}` : `✕ ${t("report_sum_is_not", sum, whole)}`}
      </p>
    </Section>
  );
}

function Codes({ of, word, names }: { of: Counts; word: Word; names: "refusal" | "negative" }): JSX.Element | null {
  const known = jurisdiction.value?.[names] ?? {};
  if (!Object.keys(of).length) return null;
  return (
    <Section title={t(word)}>
      <Rows of={of} name={(code) => (known[code] ? saying(known[code]) : code)} />
    </Section>
  );
}

function Rows({ of, name }: { of: Counts; name: (code: string) => string }): JSX.Element {
  return (
    <table class="grid">
      <tbody>
        {Object.entries(of).map(([code, count]) => (
          <tr key={code}>
            <th scope="row">{name(code)}</th>
            <td>{count}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Took({ waits, word }: { waits: Waits; word: Word }): JSX.Element | null {
  if (waits.p50_ms == null || waits.p90_ms == null) return null;
  return <p>{t(word, ageText(0, waits.p50_ms), ageText(0, waits.p90_ms))}</p>;
}
