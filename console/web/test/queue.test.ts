import { describe, expect, it } from "vitest";
import { frozenFrom, lineKey, listingOf, NO_FILTERS } from "../src/core/listing";
import { Queue } from "../src/core/queue";
import { scrolledTo, windowOf } from "../src/core/window";
import { press, row } from "./rows";

const NONE = new Set<string>();
const keys = (entries: { key: string }[]): string[] => entries.map((entry) => entry.key);

describe("the queue", () => {
  it("keeps the server's order through changes, and one row an alert", () => {
    const queue = new Queue();
    queue.replace([row("c"), row("a"), press("z")]);
    queue.apply(row("b"));
    queue.apply({ ...row("c", { version: 2, level: "P2" }), order: [2, 0, "c"] });
    queue.remove("a");
    expect(queue.inOrder().map((one) => one.id)).toEqual(["z", "c", "b"]);
  });

  it("an older version that comes late changes nothing", () => {
    const queue = new Queue();
    queue.replace([row("a", { version: 5, status: "acknowledged" })]);
    expect(queue.apply(row("a", { version: 4 }))).toBe(false);
    expect(queue.rows.get("a")?.status).toBe("acknowledged");
  });

  it("stays sorted through ten thousand random changes", () => {
    const queue = new Queue();
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let turn = 1; turn <= 10_000; turn++) {
      const id = `a${random(500)}`,
        rank = 1 + random(5);
      if (random(4) === 0) queue.remove(id);
      else queue.apply({ ...row(id, { version: turn }), order: [rank, random(3), id] });
    }
    const shown = queue.inOrder();
    expect(shown.length).toBe(queue.rows.size);
    for (let at = 1; at < shown.length; at++) {
      expect(JSON.stringify(shown[at - 1]!.order) < JSON.stringify(shown[at]!.order)).toBe(true);
    }
  });
});

describe("the two lists", () => {
  it("no filter takes life at risk that nobody took out of sight, and what it leaves out is counted", () => {
    const rows = [press("p", { district: "norte" }), row("q", { district: "norte" }), row("r")];
    const found = listingOf(
      rows,
      { ...NO_FILTERS, district: "centro", type: "other", words: "nothing like it" },
      NONE,
    );
    expect(keys(found.above)).toEqual(["p"]);
    expect(keys(found.below)).toEqual([]);
    expect(found.filtered).toBe(2);
  });

  it("while somebody reads no row moves: new ones come last above, wait below, and who left keeps the place", () => {
    const before = listingOf([press("p2"), row("b"), row("d")], NO_FILTERS, NONE);
    const frozen = frozenFrom(before);
    const now = [press("p1"), press("p2", { status: "acknowledged" }), row("a"), row("d")];
    const found = listingOf(now, NO_FILTERS, NONE, frozen);
    expect(keys(found.above)).toEqual(["p2", "p1"]);
    expect(found.below.map((entry) => [entry.key, entry.gone])).toEqual([
      ["b", true],
      ["d", false],
    ]);
    expect(found.waiting).toBe(1);
  });

  it("after the reading everything stands where the server says", () => {
    const found = listingOf([press("p1"), press("p2", { status: "acknowledged" }), row("a")], NO_FILTERS, NONE);
    expect(keys(found.above)).toEqual(["p1"]);
    expect(keys(found.below)).toEqual(["p2", "a"]);
  });

  it("a flood that core put on one line is one entry that opens", () => {
    const flood = ["f1", "f2", "f3"].map((id) => press(id, { group: "g" }));
    const closed = listingOf([press("p"), ...flood], NO_FILTERS, NONE);
    expect(closed.above.map((entry) => entry.members.length)).toEqual([1, 3]);
    const open = listingOf([press("p"), ...flood], NO_FILTERS, new Set([lineKey("g")]));
    expect(keys(open.above)).toEqual(["p", "line:g", "f1", "f2", "f3"]);
  });
});

describe("the window", () => {
  it("draws a few rows of a hundred thousand, and the last ones too", () => {
    expect(windowOf(0, 400, 80, 100_000)).toEqual({ from: 0, to: 11 });
    const end = windowOf(100_000 * 80 - 400, 400, 80, 100_000);
    expect(end).toEqual({ from: 99_989, to: 100_000 });
    expect(windowOf(99_999_999, 400, 80, 3).to).toBe(3);
  });

  it("scrolls only when the chosen row is out of view", () => {
    expect(scrolledTo(3, 0, 400, 80)).toBe(0);
    expect(scrolledTo(5, 0, 400, 80)).toBe(80);
    expect(scrolledTo(1, 400, 400, 80)).toBe(80);
  });
});
