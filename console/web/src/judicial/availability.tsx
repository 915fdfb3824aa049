// What is recorded of each item before anything is promised: what is there, each gap with its cause, what a hold keeps.
// It is asked for by hand, since each look is a line of the ledger.
import { useId, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Available, Span } from "../api/judicial";
import type { Problem } from "../api/shapes";
import { get } from "../api/http";
import { ageText } from "../core/ages";
import { lengthMs, stripsOf } from "../core/strips";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { problemText } from "../state/problem_text";
import { cameraName, localText, saying } from "../state/judicial";
import { t } from "../words/words";
import { footageTrail, TrailLinks } from "./trail";

export function Availability({ id }: { id: string }): JSX.Element {
  const [items, setItems] = useState<Available[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const look = async (): Promise<void> => {
    const answer = await get<{ items: Available[] }>(`requests/${encodeURIComponent(id)}/availability`);
    setProblem(answer.ok ? null : answer.problem);
    if (answer.ok) setItems(answer.value.items);
  };
  return (
    <Section title={t("availability")}>
      <p class="dim">{t("availability_why")}</p>
      <button type="button" class="button" onClick={() => void look()}>
        {t("availability_ask")}
      </button>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
      <ul class="items">
        {(items ?? []).map((item) => (
          <Item key={item.n} item={item} />
        ))}
      </ul>
    </Section>
  );
}

function Item({ item }: { item: Available }): JSX.Element {
  return (
    <li>
      <p>
        <b>
          {item.n + 1}. {plain(cameraName(item.camera), 80)}
        </b>{" "}
        {item.code ? (
          <Tag tone="bad">
            {item.code} {plain(item.cure ?? "", 300)}
          </Tag>
        ) : (
          <Sum item={item} />
        )}
      </p>
      {item.code ? null : item.asked.map((span) => <Strips key={span.since} span={span} item={item} />)}
      {item.asked.map((span) => (
        <p key={span.since}>
          <Touched camera={item.camera} span={span} />
        </p>
      ))}
      {item.missing.map((one) => (
        <p key={one.since} class="reason">
          ▨ {t("availability_gap", localText(one.since), localText(one.until), saying(one.cause))}
        </p>
      ))}
    </li>
  );
}

/** Who looked at these pictures, who asked for them, what was deleted of them. */
function Touched({ camera, span }: { camera: string; span: Span }): JSX.Element {
  const [path, query] = footageTrail(camera, Date.parse(span.since), Date.parse(span.until));
  return <TrailLinks words={t("footage_trail")} path={path} query={query} />;
}

function Sum({ item }: { item: Available }): JSX.Element {
  const asked = lengthMs(item.asked),
    there = lengthMs(item.there),
    isHeld = lengthMs(item.held) >= asked;
  const words =
    there >= asked
      ? t("availability_all")
      : there
        ? t("availability_some", ageText(0, there), ageText(0, asked))
        : t("availability_nothing");
  return (
    <>
      <Tag tone={there >= asked ? "good" : there ? "" : "bad"}>
        {there >= asked ? "✓" : there ? "◐" : "✕"} {words}
      </Tag>
      <Tag tone={isHeld ? "good" : "bad"}>
        {isHeld ? `✓ ${t("availability_held")}` : `✕ ${t("availability_free")}`}
      </Tag>
    </>
  );
}

/** The asked time from left to right. The words beside it say the same. */
function Strips({ span, item }: { span: Span; item: Available }): JSX.Element {
  const hatch = useId();
  const rects = (stretches: readonly Span[], y: number, height: number, fill: string): JSX.Element[] =>
    stripsOf(span, stretches).map(({ x, width }) => (
      <rect key={x} x={x * 1000} y={y} width={width * 1000} height={height} fill={fill} />
    ));
  return (
    <figure class="strips">
      <svg viewBox="0 0 1000 30" preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <pattern id={hatch} width="8" height="8" patternUnits="userSpaceOnUse">
            <rect width="8" height="8" fill="#3a1b1f" />
            <path d="M0 8 L8 0" stroke="#ff7577" stroke-width="2" />
          </pattern>
        </defs>
        <rect width="1000" height="22" fill="#1d2733" />
        {rects(item.there, 0, 22, "#2f8f56")}
        {rects(item.missing, 0, 22, `url(#${hatch})`)}
        {rects(item.held, 25, 5, "#7dbfff")}
      </svg>
      <figcaption>
        <small>{localText(span.since)}</small>
        <small>{localText(span.until)}</small>
      </figcaption>
    </figure>
  );
}
