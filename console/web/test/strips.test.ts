// Stretches of time as they are drawn, and how long they are.
import { describe, expect, it } from "vitest";
import { lengthMs, stripsOf } from "../src/core/strips";

const at = (since: string, until: string) => ({ since: `2026-03-05T10:${since}Z`, until: `2026-03-05T10:${until}Z` });

describe("a strip of time", () => {
  it("has its parts where they were, cut at its ends", () => {
    const whole = at("00:00", "10:00");
    expect(stripsOf(whole, [at("00:00", "05:00"), at("09:00", "20:00"), at("30:00", "40:00")])).toEqual([
      { x: 0, width: 0.5 },
      { x: 0.9, width: 0.1 },
    ]);
  });
  it("counts what two holds keep once", () => {
    expect(lengthMs([at("05:00", "06:00"), at("00:00", "02:00"), at("01:00", "03:00")])).toBe(240_000);
    expect(lengthMs([])).toBe(0);
  });
});
