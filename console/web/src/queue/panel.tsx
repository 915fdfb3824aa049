// The queue: what is new, life at risk that nobody took, then the rest.
import type { JSX } from "preact";
import { SHAPES } from "../core/marks";
import { listing, news, queue, thaw, toNewest } from "../state/desk";
import { hasPicture } from "../state/live";
import { t } from "../words/words";
import { Filters } from "./filters";
import { LineBar } from "./line_dialog";
import { WindowedList } from "./list";
import { nameOf, whereOf } from "./row";

export function QueuePanel(): JSX.Element {
  const { above, below, waiting } = listing.value;
  return (
    <section class="panel queue" aria-label={t("queue")}>
      <News />
      <h2 class="urgent-title">{t("above", above.filter((entry) => !entry.gone).length)}</h2>
      <div class={`urgent rows-${Math.min(above.length, 5)}`}>
        {above.length ? (
          <WindowedList entries={above} label={t("above_label")} id="above" />
        ) : (
          <p class="calm">✓ {t("all_taken")}</p>
        )}
      </div>
      <LineBar />
      <div class="rest-title">
        <h2>{t("below", below.length)}</h2>
        {waiting ? (
          <button type="button" class="small" onClick={thaw}>
            {t("waiting_n", waiting)} ↑
          </button>
        ) : null}
      </div>
      <Filters />
      {below.length ? <WindowedList entries={below} label={t("below_label")} id="below" /> : <Empty />}
    </section>
  );
}

function Empty(): JSX.Element {
  return <p class="calm">{hasPicture.value ? t("no_more") : t("waiting_first")}</p>;
}

/** Announced in words (a screen reader reads it), by shape and by sound. */
function News(): JSX.Element {
  const found = news.value.map((id) => queue.rows.get(id)).filter((row) => row !== undefined);
  const newest = found.at(-1);
  return (
    <div class={newest ? "newsbar some" : "newsbar"}>
      <p role="status" aria-live="assertive" aria-atomic="true">
        {newest
          ? `${t("news_n", found.length)}: ${SHAPES[newest.level]} ${newest.level} ${nameOf(newest)}, ${whereOf(newest)}`
          : t("no_news")}
      </p>
      <button
        type="button"
        class="button"
        onClick={toNewest}
        aria-keyshortcuts="N"
        disabled={!newest && !listing.value.above.length}
      >
        <span>{t("go_newest")}</span> <kbd aria-hidden="true">N</kbd>
      </button>
    </div>
  );
}
