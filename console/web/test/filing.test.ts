// What a request asks for, which cameras stand near, what of it is on hold, and how a digest is read.
import { describe, expect, it } from "vitest";
import { bytesText, grouped, heldOf, isSeen, itemsOf, within } from "../src/core/filing";
import { readingsOf } from "../src/core/zoned";

const at = (local: string) => readingsOf(local, "America/Argentina/Cordoba")[0]!;
const span = { since: "2026-03-05T10:00:00Z", until: "2026-03-05T11:00:00Z" };
const hold = (since: string, until: string, more = {}) => ({
  cameras: ["plaza"],
  since: `2026-03-05T${since}:00Z`,
  until: `2026-03-05T${until}:00Z`,
  ...more,
});

describe("a request", () => {
  it("asks for each camera in each interval", () => {
    const interval = { since: at("2026-03-05T21:00"), until: at("2026-03-05T22:00") };
    expect(itemsOf(["a", "b"], [interval, interval]).map((one) => one.camera)).toEqual(["a", "b", "a", "b"]);
    expect(itemsOf(["a"], [interval])).toEqual([
      { camera: "a", since: "2026-03-05T21:00:00-03:00", until: "2026-03-05T22:00:00-03:00" },
    ]);
  });
  it("finds the cameras around a point, the nearest first, and none beyond", () => {
    const cameras = [
      { id: "far", lat: -33.0, lon: -60.64 },
      { id: "near", lat: -33.0004, lon: -60.65 },
      { id: "here", lat: -33.0001, lon: -60.65 },
    ];
    expect(within(cameras, { lat: -33, lon: -60.65 }, 100)).toEqual(["here", "near"]);
    expect(within(cameras, { lat: -33, lon: -60.65 }, 5)).toEqual([]);
  });
});

describe("what is on hold", () => {
  const now = Date.parse("2026-03-06T00:00:00Z");
  it("is whole when holds that touch cover it together", () => {
    expect(heldOf("plaza", span, [hold("10:30", "11:00"), hold("10:00", "10:30")], now)).toBe("whole");
  });
  it("is a part when something of it is missing", () => {
    expect(heldOf("plaza", span, [hold("10:10", "12:00")], now)).toBe("part");
    expect(heldOf("plaza", span, [hold("10:00", "10:29"), hold("10:30", "11:00")], now)).toBe("part");
  });
  it("is nothing of another camera's hold, of one that is over, or of one that was released", () => {
    expect(heldOf("puente", span, [hold("10:00", "11:00")], now)).toBe("none");
    expect(heldOf("plaza", span, [hold("10:00", "11:00", { expires_ms: now - 1 })], now)).toBe("none");
    expect(heldOf("plaza", span, [hold("10:00", "11:00", { released_ms: 5 })], now)).toBe("none");
  });
});

describe("a digest", () => {
  const digest = "0123456789abcdef".repeat(4);
  it("is shown eight by eight", () => {
    expect(grouped(digest).split(" ")).toHaveLength(8);
    expect(grouped(digest).replaceAll(" ", "")).toBe(digest);
  });
  it("is signed for only by who has seen its first group at least", () => {
    expect(isSeen("01234567", digest)).toBe(true);
    expect(isSeen(grouped(digest).toUpperCase(), digest)).toBe(true);
    for (const typed of ["", "0123456", "01234568", `${digest}00`]) expect(isSeen(typed, digest)).toBe(false);
  });
  it("stands beside a size that people read", () => {
    expect([0, 999, 1500, 2_340_000_000].map(bytesText)).toEqual(["0 B", "999 B", "1.5 kB", "2.3 GB"]);
  });
});
