// What must be read before anything else.
import type { JSX } from "preact";
import { ageText, timeText } from "../core/ages";
import { forget, notes } from "../state/acts";
import { now } from "../state/clock";
import { heardAtMs, isLate, isLost, silentForMs } from "../state/link";
import { rows } from "../state/desk";
import { retryFeed } from "../state/live";
import { toPage } from "../state/route";
import { isDrill, mayAct, session } from "../state/session";
import { lang, t } from "../words/words";

const ENDING_MS = 15 * 60_000;

export function Banners(): JSX.Element {
  const ends = session.value?.expires_ms ?? 0,
    left = ends - now.value;
  return (
    <section aria-label={t("banners")}>
      <div role="alert">
        {isLost.value ? <Lost /> : null}
        {!isLost.value && isLate.value ? <p class="banner bad">▲ {t("late")}</p> : null}
      </div>
      <Silenced />
      {isDrill.value ? <p class="banner drill">{t("exercise")}</p> : null}
      {ends && left < ENDING_MS ? (
        <p class="banner warn">{t("session_ends", timeText(ends, now.value, lang.value))}</p>
      ) : null}
    </section>
  );
}

/** That something is muted is never only seen by who looks for it. */
function Silenced(): JSX.Element | null {
  const muted = rows.value.filter((row) => row.suppressed_by).length;
  if (!muted || !mayAct.value) return null;
  return (
    <p class="banner warn">
      ◐ {t("silenced_n", muted)}{" "}
      <button type="button" class="small" onClick={() => toPage("silences")}>
        {t("page_silences")}
      </button>
    </p>
  );
}

function Lost(): JSX.Element {
  const since = heardAtMs.value;
  return (
    <p class="banner bad">
      ✕ {t("lost", since ? timeText(since, now.value, lang.value) : "–", ageText(0, silentForMs.value))}{" "}
      <button type="button" class="small" onClick={retryFeed}>
        {t("try_now")}
      </button>
    </p>
  );
}

/** What became of acts; read aloud, gone after a while unless bad. */
export function Notes(): JSX.Element {
  const shown = notes.value.filter((note) => note.tone === "bad" || now.value - note.atMs < 8000);
  return (
    <div class="notes" role="log" aria-label={t("notes")} aria-live="polite">
      {shown.map((note) => (
        <p key={note.id} class={`note ${note.tone}`}>
          <span>
            {note.tone === "bad" ? "✕" : note.tone === "good" ? "✓" : "…"} {note.text}
          </span>
          <button type="button" class="small" onClick={() => forget(note.id)} aria-label={t("dismiss")}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
