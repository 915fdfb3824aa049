// One alert: what, why, where, what the protocol says next, what the nearest cameras can see, who knows, what was
// done.
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { get } from "../api/http";
import { rowOf, type AlertPage } from "../api/alert_page";
import type { Problem, Row } from "../api/shapes";
import { ageText, timeText } from "../core/ages";
import { SHAPES, toneOf } from "../core/marks";
import { plain } from "../core/text";
import { nameOf, Tags, whereOf } from "../queue/row";
import { Button } from "../frame/button";
import { now } from "../state/clock";
import { selectedRow } from "../state/desk";
import { personName } from "../state/directory";
import { pendingOf } from "../state/overlay";
import { problemText } from "../state/problem_text";
import { route, toAlert } from "../state/route";
import { mayAct, role } from "../state/session";
import { lang, said, t } from "../words/words";
import { begin } from "./act_dialog";
import { ACTS, isFor, unfit, type ActSpec } from "./acts_table";
import { Agencies } from "./agencies";
import { Cameras, Links, Members, Notes, Suppressed } from "./facts";
import { Looks } from "./looks";
import { Checklist, Timeline, ToldTo } from "./story";
import { Terms } from "./terms";
import { SealedSection } from "../sealed/section";

/** The page of the chosen alert; kept while a newer one is on its way, so that nothing blinks. */
export const alertPage = signal<AlertPage | null>(null);
/** Whether the acts that are seldom needed are shown; every one has its key all the same. */
const isMore = signal(false);
const trouble = signal<Problem | null>(null);

export function AlertPanel(): JSX.Element {
  const id = route.value.alert,
    row = selectedRow.value ?? pageRow(id),
    // An alert that left the queue is asked for once more: how it ended stands on its page only.
    version = selectedRow.value?.version ?? 0;
  useEffect(() => ask(id), [id, version]);
  if (!id) return <Nothing />;
  const page = alertPage.value?.id === id ? alertPage.value : null;
  if (!row) return <Missing />;
  return (
    <section class="panel alert" aria-label={t("alert_page")}>
      <Head row={row} page={page} />
      {mayAct.value ? <Acts row={row} absorbed={page?.absorbed ?? []} /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label={t("alert_facts")}>
        {trouble.value ? (
          <p class="banner warn" role="alert">
            {problemText(trouble.value)}
          </p>
        ) : null}
        <Terms
          reasons={page?.terms?.length ? page.terms : row.reasons}
          level={row.level}
          score={page?.score ?? null}
        />
        {page ? <Facts page={page} row={row} /> : trouble.value ? null : <p class="dim">{t("loading")}</p>}
      </div>
    </section>
  );
}

function Facts({ page, row }: { page: AlertPage; row: Row }): JSX.Element {
  return (
    <>
      <Suppressed page={page} row={row} />
      {page.steps?.length ? <Checklist steps={page.steps} protocols={page.protocols ?? []} row={row} /> : null}
      {row.silent ? <SealedSection row={row} /> : null}
      {row.silent ? null : <Looks looks={page.watchings ?? []} cameras={page.cameras ?? []} />}
      {row.silent ? null : <Cameras cameras={page.cameras ?? []} row={row} />}
      <Agencies page={page} row={row} />
      {row.silent ? null : <Members members={page.members ?? []} />}
      <ToldTo told={page.told ?? []} />
      <Links page={page} />
      <Notes notes={page.notes ?? []} />
      <Timeline lines={page.story ?? []} isWhole={page.story_is_whole ?? true} />
    </>
  );
}

const pageRow = (id: string | null): Row | null => (id && alertPage.value?.id === id ? rowOf(alertPage.value) : null);

function ask(id: string | null): (() => void) | undefined {
  if (!id) return undefined;
  let isCurrent = true;
  const timer = setTimeout(
    () => {
      void get<AlertPage>(`alerts/${encodeURIComponent(id)}`).then((answer) => {
        if (!isCurrent) return;
        trouble.value = answer.ok ? null : answer.problem;
        if (answer.ok) alertPage.value = answer.value;
      });
    },
    alertPage.value?.id === id ? 250 : 0,
  );
  return () => {
    isCurrent = false;
    clearTimeout(timer);
  };
}

function Nothing(): JSX.Element {
  return (
    <section class="panel alert empty" aria-label={t("alert_page")}>
      <p class="dim">{t("choose_one")}</p>
    </section>
  );
}

function Missing(): JSX.Element {
  return (
    <section class="panel alert empty" aria-label={t("alert_page")}>
      <p class="dim">{trouble.value ? problemText(trouble.value) : t("not_open_any_more")}</p>
      <Button onPress={() => toAlert(null)} hint="Esc">
        {t("back_to_queue")}
      </Button>
    </section>
  );
}

function Head({ row, page }: { row: Row; page: AlertPage | null }): JSX.Element {
  const waiting = pendingOf(row.id).length > 0;
  const place = page?.place?.text ? ` · ${plain(page.place.text, 120)}` : "";
  return (
    <div class={`head ${toneOf(row)}`}>
      <span class="level">
        {SHAPES[row.level]} {row.level}
      </span>
      <div>
        <h2>
          {nameOf(row)}
          <Tags row={row} />
        </h2>
        <p>
          {whereOf(row)}
          {place} · {t("since", timeText(row.opened_ms, now.value, lang.value), ageText(row.opened_ms, now.value))}
        </p>
        <p class="dim">
          <b class="status">{said("status", row.status)}</b>
          {row.assignee ? ` · ${personName(row.assignee)}` : ""}
          {page?.disposition ? ` · ${said("disposition", page.disposition)}` : ""}
          {waiting ? ` · ${t("sending")}` : ""} · <code>{row.id.slice(0, 12)}</code>
        </p>
      </div>
      <button type="button" class="small" onClick={() => toAlert(null)} aria-label={t("back_to_queue")}>
        ×
      </button>
    </div>
  );
}

function Acts({ row, absorbed }: { row: Row; absorbed: string[] }): JSX.Element {
  return (
    <div class="acts" role="toolbar" aria-label={t("acts")}>
      {ACTS.filter((spec) => spec.often).map((spec) => (
        <ActButton key={spec.kind} spec={spec} row={row} absorbed={absorbed} />
      ))}
      <details
        open={isMore.value}
        onToggle={(event) => {
          isMore.value = event.currentTarget.open;
        }}
      >
        <summary>{t("more_acts")}</summary>
        <div>
          {ACTS.filter((spec) => !spec.often).map((spec) => (
            <ActButton key={spec.kind} spec={spec} row={row} absorbed={absorbed} />
          ))}
        </div>
      </details>
    </div>
  );
}

function ActButton({ spec, row, absorbed }: { spec: ActSpec; row: Row; absorbed: string[] }): JSX.Element | null {
  const why = unfit(spec, row);
  if (why === "not_in_this_state" || !isFor(spec, row, role.value)) return null;
  return (
    <Button hint={spec.key} tone={spec.tone ?? "plain"} off={why !== null} onPress={() => begin(spec, row, absorbed)}>
      {t(spec.word)}
    </Button>
  );
}
