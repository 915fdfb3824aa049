// Acts on their way. Each keeps its idempotency key until the console answered, through a lost line and a reload, so
// that an act is done once, however often it is sent.

export interface Sent {
  key: string;
  path: string;
  body: unknown;
  alertId: string | null;
  atMs: number;
  tries: number;
}

export type Reply =
  | { kind: "accepted"; value?: unknown }
  | { kind: "refused"; status: number; title: string; detail: string; first?: string }
  | { kind: "away" };

export interface Keeper {
  read(): Sent[];
  write(all: Sent[]): void;
}

const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000];
export const pauseMs = (tries: number): number => PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]!;

/** One act at a time in the order in which they were made: a close never overtakes its acknowledgement. */
export class Outbox {
  private waiting: Sent[];
  private isSending = false;

  constructor(
    private readonly send: (act: Sent) => Promise<Reply>,
    private readonly keeper: Keeper,
    private readonly settled: (act: Sent, reply: Reply) => void,
    private readonly sleep: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {
    this.waiting = keeper.read();
  }

  get size(): number {
    return this.waiting.length;
  }

  list(): readonly Sent[] {
    return this.waiting;
  }

  add(act: Sent): void {
    this.keep([...this.waiting, act]);
    void this.run();
  }

  clear(): void {
    this.keep([]);
  }

  async run(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let act = this.waiting[0]; act; act = this.waiting[0]) await this.attempt(act);
    } finally {
      this.isSending = false;
    }
  }

  private async attempt(act: Sent): Promise<void> {
    const reply = await this.send(act);
    if (reply.kind !== "away") {
      this.keep(this.waiting.filter((one) => one.key !== act.key));
      this.settled(act, reply);
      return;
    }
    const again = { ...act, tries: act.tries + 1 };
    this.keep(this.waiting.map((one) => (one.key === act.key ? again : one)));
    this.settled(again, reply);
    await this.sleep(pauseMs(again.tries));
  }

  private keep(all: Sent[]): void {
    this.waiting = all;
    this.keeper.write(all);
  }
}
