// The feed into the state of this page.
import { effect, signal } from "@preact/signals";
import { openFeed, type Feed } from "../feed/feed";
import type { FeedNews } from "../feed/messages";
import { setCentreTime } from "./clock";
import { forgetAll, queue, takeRows, takeSnapshot } from "./desk";
import { heard, isLate, isLost, isOpen } from "./link";
import { seen } from "./overlay";
import { outbox } from "./acts";
import { askSession, centre, isDrill, session } from "./session";
import { alarm, announce } from "./sound";
import { takeUnits, units } from "./units";

let feed: Feed | null = null;
let isFirst = true;
/** Set by what the feed says of the whole city (posture, silences …): pages that show it ask again. */
export const areaTick = signal(0);
/** Whether a first picture came: before it, an empty list means nothing. */
export const hasPicture = signal(false);

export function startFeed(): void {
  if (feed) {
    feed.say("hello");
    return;
  }
  feed = openFeed(hear);
  effect(() => {
    if (isLost.value) alarm();
  });
}

export const retryFeed = (): void => feed?.say("retry");

export function stopFeed(): void {
  feed?.say("sign_out");
  forget();
}

/** Nobody's rows stay on a screen that somebody else, or somebody in another role, reads next. */
function forget(): void {
  isFirst = true;
  hasPicture.value = false;
  units.value = [];
  forgetAll();
}

/** The feed ended for all pages of this browser: somebody signed out, or wears another role now. */
async function ended(): Promise<void> {
  forget();
  await askSession();
  if (session.value) feed?.say("hello");
}

function hear(news: FeedNews): void {
  if (news.kind === "link") {
    isOpen.value = news.isOpen;
    if (news.isOpen) void outbox.run();
    return;
  }
  if (news.kind === "ended") {
    void ended();
    return;
  }
  heard();
  take(news);
}

function take(news: Exclude<FeedNews, { kind: "link" | "ended" }>): void {
  switch (news.kind) {
    case "snapshot":
      if (news.snapshot.now_ms) setCentreTime(news.snapshot.now_ms);
      isLate.value = Boolean(news.snapshot.late);
      if (news.snapshot.centre) centre.value = news.snapshot.centre;
      isDrill.value = Boolean(news.snapshot.drill);
      seen(news.snapshot.alerts);
      announce(takeSnapshot(news.snapshot.alerts, isFirst));
      isFirst = isFirst && Boolean(news.snapshot.more);
      hasPicture.value = true;
      break;
    case "rows":
      isLate.value = news.late;
      seen(news.rows);
      announce(takeRows(news.rows, news.gone, isFirst));
      if (news.isSnapshot) isFirst = false;
      break;
    case "alive":
      if (news.now_ms) setCentreTime(news.now_ms);
      isLate.value = news.late;
      break;
    case "units":
      takeUnits(news.body);
      break;
    case "other":
      areaTick.value += 1;
  }
}

export { queue };
