// Local times and what they mean: the hour that came twice, the hour that never was, and what is sent.
import { describe, expect, it } from "vitest";
import { offsetText, readingsOf, rfc3339Of, utcText, zonedText } from "../src/core/zoned";

const SANTA_FE = "America/Argentina/Cordoba";

describe("a local time", () => {
  it("has one reading in a province that never changes its clocks, and is sent with its offset", () => {
    const [one, ...others] = readingsOf("2026-03-05T21:00", SANTA_FE);
    expect(others).toEqual([]);
    expect(one && rfc3339Of(one)).toBe("2026-03-05T21:00:00-03:00");
    expect(one && utcText(one.atMs)).toBe("2026-03-06 00:00:00 UTC");
  });
  it("has two readings in the hour that came twice, the earlier first", () => {
    // Argentina put its clocks back at midnight of 15 March 2009, from -02:00 to -03:00.
    expect(readingsOf("2009-03-14T23:30:15", SANTA_FE).map(rfc3339Of)).toEqual([
      "2009-03-14T23:30:15-02:00",
      "2009-03-14T23:30:15-03:00",
    ]);
  });
  it("has none in the hour that was skipped, on a day that does not exist, or when it is no time", () => {
    expect(readingsOf("2008-10-19T00:30", SANTA_FE)).toEqual([]);
    expect(readingsOf("2026-02-31T10:00", SANTA_FE)).toEqual([]);
    expect(readingsOf("2026-03-05", SANTA_FE)).toEqual([]);
    expect(readingsOf("", SANTA_FE)).toEqual([]);
  });
  it("knows offsets of half hours, and of zones ahead of UTC", () => {
    expect(readingsOf("2026-01-01T00:00", "Asia/Kolkata").map(rfc3339Of)).toEqual(["2026-01-01T00:00:00+05:30"]);
    expect(offsetText(-210)).toBe("-03:30");
  });
  it("is told with its offset, in either language", () => {
    const atMs = Date.parse("2026-03-06T00:00:00Z");
    expect(zonedText(atMs, SANTA_FE, "es")).toMatch(/5 mar 2026.*21:00:00 \(UTC-03:00\)/);
    expect(zonedText(atMs, SANTA_FE, "en")).toMatch(/5 Mar 2026.*21:00:00 \(UTC-03:00\)/);
  });
});
