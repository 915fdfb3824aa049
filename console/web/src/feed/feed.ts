// A page's end of the feed.
import type { FeedNews, PageSays } from "./messages";
import { FeedSource } from "./source";

export interface Feed {
  say(says: PageSays): void;
}

export function openFeed(hear: (news: FeedNews) => void): Feed {
  const feed = "SharedWorker" in globalThis ? shared(hear) : own(hear);
  feed.say("hello");
  addEventListener("pagehide", () => feed.say("bye"));
  // A page out of the back-forward cache was forgotten: it says hello again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  return feed;
}

function shared(hear: (news: FeedNews) => void): Feed {
  const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "cior-feed" });
  worker.port.addEventListener("message", (event: MessageEvent<FeedNews>) => hear(event.data));
  worker.port.start();
  return { say: (says) => worker.port.postMessage(says) };
}

function own(hear: (news: FeedNews) => void): Feed {
  const source = new FeedSource(hear);
  const deeds: Record<PageSays, () => void> = {
    hello: () => source.open(),
    retry: () => source.retry(),
    sign_out: () => source.close(),
    bye: () => source.close(),
  };
  return { say: (says) => deeds[says]() };
}
