import { describe, expect, it } from "vitest";
import { Outbox, type Keeper, type Reply, type Sent } from "../src/core/outbox";

const act = (key: string): Sent => ({
  key,
  path: "alerts/a/acts",
  body: { kind: "acknowledge" },
  alertId: "a",
  atMs: 0,
  tries: 0,
});

function kept(from: Sent[] = []): Keeper & { all: Sent[] } {
  const keeper = {
    all: from,
    read: () => keeper.all,
    write: (all: Sent[]) => {
      keeper.all = all;
    },
  };
  return keeper;
}

describe("acts on their way", () => {
  it("a lost line: the same key is sent again until somebody answers, and only once is it settled", async () => {
    const replies: Reply[] = [{ kind: "away" }, { kind: "away" }, { kind: "accepted" }],
      sent: string[] = [],
      ends: string[] = [];
    const outbox = new Outbox(
      (one) => {
        sent.push(one.key);
        return Promise.resolve(replies.shift()!);
      },
      kept(),
      (one, reply) => {
        if (reply.kind !== "away") ends.push(one.key);
      },
      () => Promise.resolve(),
    );
    outbox.add(act("k1"));
    await outbox.run();
    await new Promise((done) => setTimeout(done, 5));
    expect(sent).toEqual(["k1", "k1", "k1"]);
    expect(ends).toEqual(["k1"]);
    expect(outbox.size).toBe(0);
  });

  it("a reload: what was not answered is sent by the next page with its old key", async () => {
    const keeper = kept([{ ...act("before"), tries: 3 }]),
      sent: string[] = [];
    const outbox = new Outbox(
      (one) => {
        sent.push(one.key);
        return Promise.resolve({ kind: "accepted" });
      },
      keeper,
      () => undefined,
    );
    await outbox.run();
    expect(sent).toEqual(["before"]);
    expect(keeper.all).toEqual([]);
  });

  it("acts go in the order in which they were made, and a refused one does not hold up the next", async () => {
    const sent: string[] = [];
    const outbox = new Outbox(
      (one) => {
        sent.push(one.key);
        return Promise.resolve(
          one.key === "k1" ? { kind: "refused", status: 409, title: "", detail: "" } : { kind: "accepted" },
        );
      },
      kept(),
      () => undefined,
      () => Promise.resolve(),
    );
    outbox.add(act("k1"));
    outbox.add(act("k2"));
    await new Promise((done) => setTimeout(done, 5));
    expect(sent).toEqual(["k1", "k2"]);
  });
});
