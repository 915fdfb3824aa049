// The audit trail of one item, as CSV and as PDF: of a request, or of a camera's footage of an interval. Each download
// is a row of the ledger; an auditor says why, so theirs is fetched with the reason.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { fetchFile } from "../api/http";
import type { Problem } from "../api/shapes";
import { plain } from "../core/text";
import { problemText } from "../state/problem_text";
import { t } from "../words/words";

const FORMS = [
  ["PDF", ".pdf"],
  ["CSV", ""],
] as const;

export const requestTrail = (id: string): string => `requests/${encodeURIComponent(id)}/trail`;
export const footageTrail = (camera: string, sinceMs: number, untilMs: number): [string, string] => [
  `cameras/${encodeURIComponent(camera)}/trail`,
  `?since_ms=${sinceMs}&until_ms=${untilMs}`,
];

/** For those whose role is reason enough. */
export function TrailLinks({ words, path, query = "" }: { words: string; path: string; query?: string }): JSX.Element {
  return (
    <span class="trail">
      {words}
      {FORMS.map(([name, end]) => (
        <>
          {" "}
          <a key={name} href={`/api/v1/${path}${end}${query}`} aria-label={`${words} ${name}`} download>
            {name}
          </a>
        </>
      ))}
    </span>
  );
}

/** For who audits: an item, an interval if it is a camera's footage, and why. */
export function TrailForm(): JSX.Element {
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const said = (name: string): string => String(data.get(name) ?? "").trim();
    const [path, query] = askedTrail(said("item"), said("trail_since"), said("trail_until"));
    const end = (event.submitter as HTMLButtonElement | null)?.value ?? "";
    void fetchFile(path + end + query, said("trail_why")).then((answer) => {
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) save(answer.value, `${plain(said("item"), 64)}${end || ".csv"}`);
    });
  };
  return (
    <section>
      <h2>{t("trail")}</h2>
      <p class="dim">{t("trail_why")}</p>
      <form class="filters trail-form" onSubmit={submit}>
        <label>
          {t("why_read")}
          <input name="trail_why" required minLength={3} maxLength={200} />
        </label>
        <label>
          {t("trail_item")}
          <input name="item" required maxLength={64} />
        </label>
        <label>
          {t("trail_since")}
          <input name="trail_since" type="datetime-local" step={1} />
        </label>
        <label>
          {t("trail_until")}
          <input name="trail_until" type="datetime-local" step={1} />
        </label>
        {FORMS.map(([name, end]) => (
          <button key={name} type="submit" class="button" value={end}>
            {t("trail_take", name)}
          </button>
        ))}
      </form>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
    </section>
  );
}

/** With both ends it is a camera's footage; the fields are UTC, so that no hour comes twice. */
function askedTrail(item: string, since: string, until: string): [string, string] {
  if (!since || !until) return [requestTrail(item), ""];
  return footageTrail(item, Date.parse(`${since}Z`), Date.parse(`${until}Z`));
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
