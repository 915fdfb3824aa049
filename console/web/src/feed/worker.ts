// The shared worker: one feed for all pages of this browser. Messages are checked by kind; a page that went is
// forgotten when it says so.
import type { FeedNews, PageSays } from "./messages";
import { FeedSource } from "./source";

const ports = new Set<MessagePort>();
const tell = (news: FeedNews): void => ports.forEach((port) => port.postMessage(news));
const source = new FeedSource(tell);

function heard(port: MessagePort, says: PageSays): void {
  if (says === "hello") {
    for (const news of source.picture()) port.postMessage(news);
    source.open();
  } else if (says === "retry") {
    source.retry();
  } else if (says === "sign_out") {
    source.close();
    tell({ kind: "ended" });
  } else {
    ports.delete(port);
    if (!ports.size) source.close();
  }
}

addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  ports.add(port);
  port.addEventListener("message", (message: MessageEvent<PageSays>) => heard(port, message.data));
  port.start();
});
