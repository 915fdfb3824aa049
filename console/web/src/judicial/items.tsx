// What was asked, item by item: how it was written, what it means, what of it is on hold, what is refused or missing.
import type { JSX } from "preact";
import type { ItemPage, RequestPage, Span } from "../api/judicial";
import { heldOf } from "../core/filing";
import { plain } from "../core/text";
import { utcText } from "../core/zoned";
import { Section, Tag } from "../frame/button";
import { now } from "../state/clock";
import { cameraName, localText, saying } from "../state/judicial";
import { t } from "../words/words";
import { Reason } from "./clocks";

export function Items({ page }: { page: RequestPage }): JSX.Element {
  const late = page.holds.flatMap((one) => one.came_late ?? []);
  return (
    <Section title={t("request_what")} count={page.items.length}>
      <ul class="items">
        {page.items.map((item) => (
          <Item key={item.n} item={item} page={page} />
        ))}
      </ul>
      {late.length ? <p class="banner warn">▲ {t("held_late", [...new Set(late)].join(", "))}</p> : null}
      {page.alerts.length ? (
        <p>
          {t("request_alerts")}: {page.alerts.map((id) => plain(id, 80)).join(", ")}
        </p>
      ) : null}
    </Section>
  );
}

function Item({ item, page }: { item: ItemPage; page: RequestPage }): JSX.Element {
  return (
    <li>
      <p>
        <b>
          {item.n + 1}. {plain(cameraName(item.camera), 80)}
        </b>
      </p>
      {item.readings.map((one, n) => (
        <div key={one.since} class="reading">
          {item.readings.length > 1 ? <small>{t("item_reading", n + 1)}</small> : null}
          <SpanText span={one} />
          <HeldTag camera={item.camera} span={one} page={page} />
        </div>
      ))}
      {item.readings.length ? null : (
        <p>
          {t("item_written", plain(item.since, 60), plain(item.until, 60))} <Tag tone="bad">✕ {t("held_none")}</Tag>
        </p>
      )}
      {item.asked_back ? <Reason reason={item.asked_back} /> : null}
      {item.denied ? (
        <div>
          <Tag tone="bad">{t("item_denied")}</Tag>
          <Reason reason={item.denied} />
        </div>
      ) : null}
      {(item.missing ?? []).map((one) => (
        <p key={one.since} class="reason">
          ▨ {t("item_missing", localText(one.since), localText(one.until), one.minutes.length)}: {saying(one.cause)}
        </p>
      ))}
    </li>
  );
}

export function SpanText({ span }: { span: Span }): JSX.Element {
  return (
    <span>
      {localText(span.since)} → {localText(span.until)}{" "}
      <small>
        {utcText(Date.parse(span.since))} → {utcText(Date.parse(span.until))}
      </small>
    </span>
  );
}

const MARKS = { whole: "✓", part: "◐", none: "✕" } as const;
const TONES = { whole: "good", part: "", none: "bad" } as const;

function HeldTag({ camera, span, page }: { camera: string; span: Span; page: RequestPage }): JSX.Element {
  const held = heldOf(camera, span, page.holds, now.value);
  const ends = page.holds
    .filter((one) => one.cameras.includes(camera) && !one.released_ms && one.expires_ms)
    .map((one) => one.expires_ms ?? 0);
  return (
    <Tag tone={TONES[held]}>
      {MARKS[held]} {t(`held_${held}`)}
      {held !== "none" && ends.length ? ` ${t("held_until", localText(Math.min(...ends)))}` : ""}
    </Tag>
  );
}
