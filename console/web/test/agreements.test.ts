import { describe, expect, it } from "vitest";
import { minuteOf, termsOf, timeOf } from "../src/core/agreements";

function form(fields: Record<string, string | string[]>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) for (const each of [value].flat()) data.append(name, each);
  return data;
}

describe("the terms of an agreement", () => {
  it("last from the first midnight to the one after the last day", () => {
    const made = termsOf(
      form({
        document: " Convenio 1 ",
        kinds: ["live", "clips"],
        starts: "2026-11-28",
        ends: "2026-11-28",
        cameras: "a, b;c",
      }),
    );
    expect(made?.starts_ms).toBe(new Date(2026, 10, 28).getTime());
    expect(made?.ends_ms).toBe(new Date(2026, 10, 29).getTime());
    expect([made?.document, made?.kinds, made?.cameras, made?.hours]).toEqual([
      "Convenio 1",
      ["live", "clips"],
      ["a", "b", "c"],
      null,
    ]);
  });
  it("are none without a day", () => {
    expect(termsOf(form({ starts: "2026-11-28", ends: "" }))).toBeNull();
  });
  it("have hours as minutes of the day, or none", () => {
    const made = termsOf(form({ starts: "2026-11-28", ends: "2026-11-29", since: "22:00", until: "06:00" }));
    expect(made?.hours).toEqual({ since: 1320, until: 360 });
    expect([timeOf(1350), minuteOf("22:30"), minuteOf("")]).toEqual(["22:30", 1350, null]);
  });
});
