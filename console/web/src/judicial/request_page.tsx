// One request: its clocks, what was asked and what of it is on hold, what is asked back, the answer with article and
// cure, the package, what may be done now, and its story. Opening it is a reading, and stands in the ledger.
import { Suspense, lazy } from "preact/compat";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { RequestPage } from "../api/judicial";
import { plain } from "../core/text";
import { Section } from "../frame/button";
import { useAsked } from "../frame/use_asked";
import { problemText } from "../state/problem_text";
import { personName } from "../state/directory";
import { askable, isCustodian, localText } from "../state/judicial";
import { said, t } from "../words/words";
import { Acts } from "./acts";
import { Availability } from "./availability";
import { Boxes, mayNeedBoxes } from "./boxes";
import { Clocks, Reason, State } from "./clocks";
import { Items } from "./items";
import { PackagePart } from "./package";
import { requestTrail, TrailLinks } from "./trail";

const CameraMap = lazy(() => import("./camera_map"));
/** While a package is being made; each look is a line of the ledger, so they are few. */
const LOOK_AGAIN_MS = 15_000;
const GOING_ON = new Set(["ordered", "building", "waiting"]);

export function OneRequest({ id, filed }: { id: string; filed: RequestPage | null }): JSX.Element {
  const isFresh = filed?.line.id === id;
  return isFresh ? <Read first={filed} id={id} /> : <Asked id={id} />;
}

function Asked({ id }: { id: string }): JSX.Element {
  const { value, problem } = useAsked<RequestPage>(`requests/${encodeURIComponent(id)}`);
  if (problem)
    return (
      <p class="banner warn" role="alert">
        ▲ {problem.status === 404 ? t("portal_not_known") : problemText(problem)}
      </p>
    );
  return value ? <Read first={value} id={id} /> : <p role="status">{t("loading")}</p>;
}

function Read({ first, id }: { first: RequestPage; id: string }): JSX.Element {
  const [taken, setTaken] = useState(first);
  const isMoving = [taken.package, ...(taken.copies ?? [])].some((one) => GOING_ON.has(one?.state ?? ""));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!isMoving) return undefined;
    const timer = setInterval(() => setTurn((n) => n + 1), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [isMoving]);
  return (
    <>
      {turn ? <Newer key={turn} id={id} onRead={setTaken} /> : null}
      <Shown page={taken} onTaken={setTaken} again={() => setTurn(turn + 1)} />
    </>
  );
}

function Newer({ id, onRead }: { id: string; onRead: (page: RequestPage) => void }): null {
  const { value } = useAsked<RequestPage>(`requests/${encodeURIComponent(id)}`);
  useEffect(() => {
    if (value) onRead(value);
  }, [value]);
  return null;
}

function Shown({
  page,
  onTaken,
  again,
}: {
  page: RequestPage;
  onTaken: (page: RequestPage) => void;
  again: () => void;
}): JSX.Element {
  return (
    <article class="request" aria-label={t("request_title", plain(page.line.case, 120))}>
      <div class="row between">
        <h3 class="case">{t("request_title", plain(page.line.case, 120))}</h3>
        <span class="row">
          <State line={page.line} />
          <button type="button" class="small" onClick={again}>
            {t("portal_read_again")}
          </button>
        </span>
      </div>
      <Clocks line={page.line} />
      <Answer page={page} />
      <AskedBack page={page} />
      {isCustodian.value ? <Availability id={page.line.id} /> : null}
      {isCustodian.value && mayNeedBoxes(page.line.state, page.alerts) ? <Boxes id={page.line.id} /> : null}
      {page.package ? <PackagePart page={page} /> : null}
      <Acts key={page.line.version} page={page} onTaken={onTaken} />
      <Items page={page} />
      <Scope page={page} />
      <Facts page={page} />
      <Story page={page} />
    </article>
  );
}

function Answer({ page }: { page: RequestPage }): JSX.Element | null {
  if (!page.answer_said && !page.answer_words && !page.replaced_by) return null;
  return (
    <Section title={t("request_answer")}>
      {page.answer_said ? <Reason reason={page.answer_said} /> : null}
      {page.answer_words ? <p>{plain(page.answer_words, 2000)}</p> : null}
      {page.replaced_by ? <p>{t("request_replaced_by", plain(page.replaced_by, 64))}</p> : null}
    </Section>
  );
}

function AskedBack({ page }: { page: RequestPage }): JSX.Element | null {
  if (!page.asked_back.length && !page.question) return null;
  return (
    <Section title={t("asked_back")}>
      {page.question ? <p class="banner warn">{plain(page.question, 500)}</p> : null}
      {page.asked_back.map((one) => (
        <Reason key={one.code} reason={one} />
      ))}
    </Section>
  );
}

function Scope({ page }: { page: RequestPage }): JSX.Element | null {
  const chosen = useMemo(() => new Set(page.items.map((item) => item.camera)), [page]);
  const cameras = askable.value;
  if (!cameras?.length) return null;
  return (
    <Section title={t("map_of_scope")}>
      <Suspense fallback={<p class="dim">{t("loading")}</p>}>
        <CameraMap title={t("map_of_scope")} cameras={cameras} chosen={chosen} />
      </Suspense>
    </Section>
  );
}

function Facts({ page }: { page: RequestPage }): JSX.Element {
  const { line, parties } = page;
  const facts: [string, string][] = [
    [t("request_authority"), line.authority],
    [t("request_office"), line.office],
    [t("request_document"), page.document],
    [t("request_order"), said("request_order", page.order)],
    [t("request_proceeding"), said("request_proceeding", page.proceeding)],
    [t("request_reason"), page.reason],
    [t("request_received"), localText(line.received_ms)],
    ...(parties
      ? ([
          [t("party_requester"), personName(parties.requester)],
          [t("party_clerk"), personName(parties.clerk)],
          [t("party_approvers"), parties.approvers.map(personName).join(", ")],
          [t("party_exporter"), personName(parties.exporter)],
          [t("party_conflicted"), parties.conflicted.map(personName).join(", ")],
        ] as [string, string][])
      : []),
  ];
  return (
    <Section title={t("filing_who")}>
      <dl class="clocks">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{plain(value, 500)}</dd>
            </div>
          ))}
      </dl>
    </Section>
  );
}

const WHO = new Set(["asker", "centre", "system"]);

function Story({ page }: { page: RequestPage }): JSX.Element {
  return (
    <Section title={t("request_story")}>
      <ol class="timeline">
        {page.story.map((one) => (
          <li key={one.n}>
            <time dateTime={new Date(one.at_ms).toISOString()}>{localText(one.at_ms)}</time>
            <span>
              {said("deed", one.act)} <small>{WHO.has(one.by) ? said("request_by", one.by) : personName(one.by)}</small>
            </span>
            <small>Nº {one.ledger_seq}</small>
          </li>
        ))}
      </ol>
      <p>
        <TrailLinks words={t("request_trail")} path={requestTrail(page.line.id)} />
        {isCustodian.value ? null : <small> {t("package_logged")}</small>}
      </p>
    </Section>
  );
}
