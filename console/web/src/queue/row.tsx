// One row of the queue. Fixed height; every fact that it shows fits or is cut with its whole text at hand.
import type { JSX } from "preact";
import type { Row } from "../api/shapes";
import { ageText, localeOf } from "../core/ages";
import type { Entry } from "../core/listing";
import { LEVELS, SHAPES, toneOf } from "../core/marks";
import { plain } from "../core/text";
import { districtName } from "../state/city";
import { now } from "../state/clock";
import { personName } from "../state/directory";
import { pendingOf } from "../state/overlay";
import { both, lang, said, t } from "../words/words";
import { Tag } from "../frame/button";

export const nameOf = (row: Row): string => plain(lang.value === "es" ? row.name_es : row.name_en, 120);

export function Tags({ row }: { row: Row }): JSX.Element {
  return (
    <>
      {row.drill ? <Tag tone="drill">{t("drill")}</Tag> : null}
      {row.degraded ? <Tag tone="bad">{t("degraded")}</Tag> : null}
      {row.suppressed_by ? <Tag>{t("muted_by", row.suppressed_by)}</Tag> : null}
    </>
  );
}

export const whereOf = (row: Row): string => districtName(row.district) || t("nowhere");

function metaOf(row: Row): string {
  const parts = [whereOf(row), said("status", row.status) + (row.assignee ? ` · ${personName(row.assignee)}` : "")];
  if (!row.silent) parts.push(t("sources_signals", row.sources, row.signals));
  return parts.join(" · ");
}

function whyOf(row: Row): string {
  return (row.reasons ?? [])
    .map(
      (reason) =>
        `${reason.points ? `${reason.points > 0 ? "+" : ""}${reason.points} ` : ""}${plain(both(reason), 160)}`,
    )
    .join(" · ");
}

export function QueueRow({
  entry,
  at,
  of,
  isChosen,
  isNew,
  onPress,
}: {
  entry: Entry;
  at: number;
  of: number;
  isChosen: boolean;
  isNew: boolean;
  onPress: () => void;
}): JSX.Element {
  const row = entry.row,
    isLine = entry.members.length > 1;
  const names = [
    "entry",
    toneOf(row),
    isLine ? "line" : "",
    entry.inLine ? "member" : "",
    entry.gone ? "gone" : "",
    isNew ? "fresh" : "",
    row.status === "open" ? "untaken-row" : "",
  ];
  return (
    <div
      id={`row-${entry.key}`}
      class={names.filter(Boolean).join(" ")}
      role="option"
      aria-selected={isChosen}
      aria-setsize={of}
      aria-posinset={at + 1}
      onClick={onPress}
    >
      <span class="level">
        {SHAPES[row.level]} {row.level}
      </span>
      {isLine ? <LineBody entry={entry} /> : <RowBody entry={entry} isNew={isNew} />}
    </div>
  );
}

function RowBody({ entry, isNew }: { entry: Entry; isNew: boolean }): JSX.Element {
  const row = entry.row,
    why = whyOf(row),
    waiting = pendingOf(row.id).length > 0;
  return (
    <>
      <span class="name">
        {isNew ? <Tag tone="new">{t("new")}</Tag> : null}
        {nameOf(row)}
        <Tags row={row} />
        {waiting ? <Tag tone="sending">{t("sending")}</Tag> : null}
      </span>
      <span class="age">{entry.gone ? t("left_queue") : ageText(row.opened_ms, now.value)}</span>
      <span class="meta">{metaOf(row)}</span>
      <span class="why" title={why}>
        {why}
      </span>
    </>
  );
}

function LineBody({ entry }: { entry: Entry }): JSX.Element {
  const members = entry.members;
  const since = members.reduce((oldest, one) => Math.min(oldest, one.opened_ms), Infinity);
  const levels = LEVELS.map((level) => [level, members.filter((one) => one.level === level).length] as const);
  const places = tally(members.map(whereOf))
    .slice(0, 3)
    .map(([what, n]) => `${what} ${n}`)
    .join(" · ");
  return (
    <>
      <span class="name">
        {t("line_of", members.length.toLocaleString(localeOf(lang.value)))}
        <Tag>{entry.isOpen ? t("fold") : t("unfold")}</Tag>
      </span>
      <span class="age">{ageText(since, now.value)}</span>
      <span class="meta">
        {levels
          .filter(([, n]) => n)
          .map(([level, n]) => `${SHAPES[level]} ${level} ${n}`)
          .join(" · ")}
      </span>
      <span class="why">
        {nameOf(entry.row)} · {places}
      </span>
    </>
  );
}

export function tally(words: string[]): [string, number][] {
  const found = new Map<string, number>();
  for (const word of words) found.set(word, (found.get(word) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}
