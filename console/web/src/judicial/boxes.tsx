// Raw bytes of alarms that lie in sealed boxes: how many the request needs, the closed ones to take to who keeps the
// private key, and what comes back from there. It is asked for by hand, since each look is a line of the ledger.
import { useId, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Box, BoxesPage, Handed } from "../api/judicial";
import type { Problem } from "../api/shapes";
import { ask, get } from "../api/http";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { problemText } from "../state/problem_text";
import { localText } from "../state/judicial";
import { said, t } from "../words/words";

/** As many openings as the console takes at once. */
const AT_ONCE = 50;
const STATES = new Set(["aprobada", "parcial"]);

/** Boxes are opened for what is approved, until the package is sealed. */
export const mayNeedBoxes = (state: string, alerts: readonly string[]): boolean => STATES.has(state) && alerts.length > 0;

export function Boxes({ id }: { id: string }): JSX.Element {
  const [page, setPage] = useState<BoxesPage | null>(null);
  const [handed, setHanded] = useState<Handed[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const where = `requests/${encodeURIComponent(id)}/boxes`;
  const look = async (): Promise<void> => {
    const answer = await get<BoxesPage>(where);
    setProblem(answer.ok ? null : answer.problem);
    if (answer.ok) setPage(answer.value);
  };
  const handBack = async (file: File): Promise<void> => {
    const told: Handed[] = [];
    setProblem(null);
    for (const body of piecesOf(await file.text())) {
      const answer = await ask<{ handed: Handed[]; page: BoxesPage }>("POST", `${where}/opened`, { body, waitMs: 30_000 });
      if (!answer.ok) {
        setProblem(answer.problem);
        break;
      }
      told.push(...answer.value.handed);
      setPage(answer.value.page);
    }
    setHanded(told);
  };
  return (
    <Section title={t("boxes_title")}>
      <p class="dim">{t("boxes_why")}</p>
      <button type="button" class="button" onClick={() => void look()}>
        {t("boxes_ask")}
      </button>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
      {page ? <Standing page={page} where={where} onFile={(file) => void handBack(file)} /> : null}
      <ul class="told">
        {handed.map((one, n) => (
          <li key={n}>
            {one.code ? `✕ ${said("boxes_refused", one.code)}` : `✓ ${t("boxes_accepted")}`} <code>{plain(one.record, 64)}</code>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The file in pieces that the console takes; what is no such file goes whole, and is refused with its reason. */
function piecesOf(text: string): unknown[] {
  try {
    const { opened, ...rest } = JSON.parse(text) as { opened: string[] };
    const starts = opened.map((_, n) => n).filter((n) => n % AT_ONCE === 0);
    return starts.map((n) => ({ ...rest, opened: opened.slice(n, n + AT_ONCE) }));
  } catch {
    return [{ request: "", opened: [] }];
  }
}

function Standing({
  page,
  where,
  onFile,
}: {
  page: BoxesPage;
  where: string;
  onFile: (file: File) => void;
}): JSX.Element {
  if (!page.is_laid_out) return <p role="status">{t("boxes_not_yet")}</p>;
  if (!page.boxes.length) return <p role="status">✓ {t("boxes_none")}</p>;
  return (
    <>
      <p role="status">
        <Tag tone={page.closed ? "bad" : "good"}>
          {page.closed ? `▨ ${t("boxes_closed", page.closed)}` : `✓ ${t("boxes_all")}`}
        </Tag>{" "}
        {page.opened ? <Tag tone="good">{t("boxes_opened", page.opened)}</Tag> : null}
      </p>
      {page.closed ? <Steps page={page} where={where} onFile={onFile} /> : null}
      <ul class="told">
        {page.boxes.filter((one) => one.handed_ms).map((one) => (
          <Opened key={one.record} one={one} />
        ))}
      </ul>
    </>
  );
}

function Steps({
  page,
  where,
  onFile,
}: {
  page: BoxesPage;
  where: string;
  onFile: (file: File) => void;
}): JSX.Element {
  const input = useId();
  if (!page.may) return <p class="reason">{said("boxes_may_not", page.why ?? "")}</p>;
  return (
    <ol class="numbered">
      <li>
        {t("boxes_step_out")}{" "}
        <a class="button" href={`/api/v1/${where}/closed`} download>
          {t("boxes_download")}
        </a>
      </li>
      <li>
        {t("boxes_step_open")}
        <pre>{COMMAND}</pre>
      </li>
      <li>
        <label for={input}>{t("boxes_step_back")}</label>{" "}
        <input
          id={input}
          type="file"
          accept="application/json,.json"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) onFile(file);
          }}
        />
      </li>
      <li>{t("boxes_step_build")}</li>
    </ol>
  );
}

const COMMAND = `cior evidence open-boxes sobres.json --key team.private --who "…" --reason "…" \\
    --openings aperturas.ndjson --out abiertos.json`;

function Opened({ one }: { one: Box }): JSX.Element {
  return (
    <li>
      {t("boxes_opened_by", plain(one.opened_by ?? "", 120), one.opened_ms ? localText(one.opened_ms) : "", plain(one.reason ?? "", 200))}{" "}
      <code>{plain(one.record, 64)}</code>
    </li>
  );
}
