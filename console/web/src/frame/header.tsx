// What is true of the whole centre, always in sight: counts, posture, sound, link, clock, person.
import type { JSX } from "preact";
import { localeOf } from "../core/ages";
import { LEVELS, SHAPES } from "../core/marks";
import { mustShow } from "../core/queue";
import type { Page } from "../core/route";
import { unsent } from "../state/acts";
import { now } from "../state/clock";
import { rows } from "../state/desk";
import { isLost } from "../state/link";
import { route, toPage } from "../state/route";
import { centre, home, isDrill, isWall, may, role, session, signOut, watches } from "../state/session";
import { quietUntil, rest, sound, unlockSound } from "../state/sound";
import { hasPicture, stopFeed } from "../state/live";
import { lang, said, speak, t, type Word } from "../words/words";
import { isHelpOpen } from "./keys_help";
import { beginRole } from "./role_dialog";

/** What is asked of a page's visitor: to be one who may ask for that. */
type Asks = Parameters<typeof may>[0];
const FOR: Record<Exclude<Page, "desk">, Asks | readonly Asks[] | null> = {
  shift: "shift.start",
  duty: "duty.read",
  silences: "silence.read",
  load: "load.read",
  drills: "drill.start",
  ledger: "ledger.read",
  agreements: ["agreement.propose", "agreement.mine"],
  portal: "request.file",
  sessions: null,
};

export function Header(): JSX.Element {
  return (
    <header class="bar">
      <h1>
        CIOR <small>{centre.value}</small>
      </h1>
      {isWall.value ? null : <Pages />}
      {watches.value ? (
        <>
          <Counts />
          <Sound />
          <Link />
        </>
      ) : (
        <span class="counts" />
      )}
      <Clock />
      <Who />
    </header>
  );
}

function Pages(): JSX.Element {
  const mine = (Object.keys(FOR) as (keyof typeof FOR)[]).filter((page) => {
    const asked = FOR[page];
    return asked === null || [asked].flat().some((one) => may(one as Asks));
  });
  const here = route.value.page === "desk" ? home.value : route.value.page;
  return (
    <nav aria-label={t("pages")}>
      {([...(watches.value ? ["desk"] : []), ...mine] as Page[]).map((page) => (
        <button
          key={page}
          type="button"
          class="tab"
          aria-current={here === page ? "page" : undefined}
          onClick={() => toPage(page)}
        >
          {t(`page_${page}` as Word)}
        </button>
      ))}
    </nav>
  );
}

function Counts(): JSX.Element {
  const counts = new Map<string, number>();
  let untaken = 0;
  for (const row of rows.value) {
    if (row.drill && !isDrill.value) continue;
    counts.set(row.level, (counts.get(row.level) ?? 0) + 1);
    if (mustShow(row)) untaken += 1;
  }
  return (
    <div class="counts" role="group" aria-label={t("counts")}>
      {LEVELS.map((level) => (
        <span key={level} title={level} class={`count ${level} ${counts.get(level) ? "" : "zero"}`}>
          {SHAPES[level]} <span class="word">{level} </span>
          <b>{counts.get(level) ?? 0}</b>
        </span>
      ))}
      <span class={untaken ? "untaken some" : "untaken"}>{t("untaken_n", untaken)}</span>
    </div>
  );
}

function Sound(): JSX.Element {
  void now.value; // the rest runs down
  const left = Math.ceil((quietUntil.value - performance.now()) / 1000);
  if (sound.value !== "on") {
    return (
      <button type="button" class="state bad" onClick={() => void unlockSound()}>
        <b>✕ {t("sound_off")}</b> <small>{t("sound_press")}</small>
      </button>
    );
  }
  return (
    <button type="button" class="state" onClick={() => rest(left > 0 ? 0 : 120)} aria-keyshortcuts="Q">
      <b>♪ {left > 0 ? t("sound_rests", left) : t("sound_on")}</b>
    </button>
  );
}

/** Live only once a picture came: an empty list before it is no calm. */
function linkText(): string {
  if (isLost.value) return `✕ ${t("link_lost")}`;
  return hasPicture.value ? `✓ ${t("link_ok")}` : `… ${t("link_waits")}`;
}

function Link(): JSX.Element {
  const waiting = unsent.value;
  return (
    <span class={isLost.value ? "state bad" : "state"} role="status">
      <b>{linkText()}</b>
      {waiting ? <small>{t("unsent_n", waiting)}</small> : null}
    </span>
  );
}

function Clock(): JSX.Element {
  const at = new Date(now.value),
    locale = localeOf(lang.value);
  return (
    <time class="clock" dateTime={at.toISOString()}>
      <b>{at.toLocaleTimeString(locale, { hour12: false })}</b>
      <small>{at.toLocaleDateString(locale, { weekday: "short", day: "numeric", month: "short" })}</small>
    </time>
  );
}

async function leave(): Promise<void> {
  // First the session, then the feed: the other pages of this browser are told, ask, and find nobody.
  await signOut();
  stopFeed();
}

function Who(): JSX.Element {
  const person = session.value;
  return (
    <div class="who">
      <span class="name">
        <b>{person?.name}</b>
        <small>{said("role", role.value ?? "")}</small>
      </span>
      {(person?.roles.length ?? 0) > 1 ? (
        <button type="button" class="small" onClick={beginRole}>
          {t("role_switch")}
        </button>
      ) : null}
      <button
        type="button"
        class="small"
        onClick={() => {
          isHelpOpen.value = true;
        }}
        aria-keyshortcuts="?"
        aria-label={t("keys")}
      >
        <kbd aria-hidden="true">?</kbd>
      </button>
      <button
        type="button"
        class="small"
        onClick={() => speak(lang.value === "es" ? "en" : "es")}
        title={t("other_language")}
      >
        {lang.value === "es" ? "EN" : "ES"}
      </button>
      {isWall.value ? null : (
        <button type="button" class="small" onClick={() => void leave()}>
          {t("sign_out")}
        </button>
      )}
    </div>
  );
}
