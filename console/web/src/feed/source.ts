// The one connection: opened, kept open, opened again with growing pauses. Runs in the shared worker, or in the page
// where a browser has none.
import type { Row, Snapshot } from "../api/shapes";
import { EVENT_NAMES, newsOf, type FeedNews } from "./messages";

const FEED = "/api/v1/feed";
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];

export class FeedSource {
  private source: EventSource | null = null;
  private failures = 0;
  private rows = new Map<string, Row>();
  private last: Snapshot | null = null;
  private units: FeedNews | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: (news: FeedNews) => void) {}

  open(): void {
    if (this.source) return;
    clearTimeout(this.timer);
    const source = new EventSource(FEED);
    this.source = source;
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (event) => this.take(newsOf(name, (event as MessageEvent<string>).data)));
    }
    source.addEventListener("open", () => this.tell({ kind: "link", isOpen: true }));
    source.addEventListener("error", () => void this.failed(source));
  }

  /** Sign-out: nobody's rows stay in a browser that others use after. */
  close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.rows.clear();
    this.last = null;
    this.units = null;
  }

  retry(): void {
    this.source?.close();
    this.source = null;
    this.open();
  }

  /** What a page that comes later must know. */
  picture(): FeedNews[] {
    if (!this.last) return [];
    const snapshot = { ...this.last, alerts: [...this.rows.values()] };
    return [{ kind: "snapshot", snapshot }, ...(this.units ? [this.units] : [])];
  }

  private take(news: FeedNews): void {
    this.failures = 0;
    if (news.kind === "snapshot") {
      this.last = { ...news.snapshot, alerts: [] };
      this.rows = new Map(news.snapshot.alerts.map((row) => [row.id, row]));
    } else if (news.kind === "rows") {
      for (const row of news.rows) this.rows.set(row.id, row);
      for (const id of news.gone) this.rows.delete(id);
    } else if (news.kind === "alive" && this.last && news.now_ms) {
      this.last = { ...this.last, now_ms: news.now_ms };
    }
    if (news.kind === "units") this.units = news;
    this.tell(news);
  }

  // The browser tries again by itself after a cut, but not after a refusal: then ask whether the session is over.
  private async failed(source: EventSource): Promise<void> {
    if (source !== this.source) return;
    this.tell({ kind: "link", isOpen: false });
    if (source.readyState !== EventSource.CLOSED) return;
    this.source = null;
    if ((await status()) === 401) {
      this.close();
      this.tell({ kind: "ended" });
      return;
    }
    const pause = PAUSES_MS[Math.min(this.failures++, PAUSES_MS.length - 1)]!;
    this.timer = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
  }
}

async function status(): Promise<number> {
  try {
    return (await fetch("/api/v1/session", { credentials: "same-origin", cache: "no-store" })).status;
  } catch {
    return 0;
  }
}
