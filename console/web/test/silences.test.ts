import { describe, expect, it } from "vitest";
import { silenceOf } from "../src/core/silences";

const HOUR_MS = 3_600_000;

function form(fields: Record<string, string | string[]>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries({ reason: "recambio", hours: "1", ...fields }))
    for (const each of [value].flat()) data.append(name, each);
  return data;
}

describe("a maintenance silence out of its form", () => {
  it("names devices however they are written down, each once", () => {
    const found = silenceOf(form({ devices: "panel:1, panel:2;\n panel:1" }), 1000);
    expect(found?.devices).toEqual(["panel:1", "panel:2"]);
    expect(found?.until_ms).toBe(1000 + HOUR_MS);
  });

  it("without anything named, or without a reason, asks for nothing", () => {
    expect(silenceOf(form({}), 0)).toBeNull();
    expect(silenceOf(form({ devices: "panel:1", reason: "  " }), 0)).toBeNull();
    expect(silenceOf(form({ devices: "panel:1", hours: "x" }), 0)).toBeNull();
  });

  it("never asks for more than eight hours, even with a clock that is fast", () => {
    const found = silenceOf(form({ types: ["burglary.alarm", "noise"], hours: "80" }), 0);
    expect(found?.types).toEqual(["burglary.alarm", "noise"]);
    expect(found?.until_ms).toBeLessThan(8 * HOUR_MS);
  });
});
