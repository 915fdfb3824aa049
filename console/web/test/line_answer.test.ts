import { describe, expect, it } from "vitest";
import { notTakenText } from "../src/core/line_answer";

const by = (who: string) => ({ es: "la tomó " + who, en: who + " took it", first: { who } });
const left = { es: "salió del renglón", en: "it left the line", first: null };
const named = (id: string): string => ({ "p-ana": "Ana Gómez", "p-eva": "Eva Ruiz" })[id] ?? id;

describe("a line that was taken in part", () => {
  it("says who has the others, most first, and why nobody has the rest", () => {
    const text = notTakenText([by("p-eva"), by("p-ana"), by("p-ana"), left], "es", named);
    expect(text).toBe("Ana Gómez (2), Eva Ruiz (1), salió del renglón (1)");
  });

  it("speaks the language of the person, and stays short", () => {
    expect(notTakenText([left], "en", named)).toBe("it left the line (1)");
    expect(notTakenText([], "en", named)).toBe("");
    const many = ["a", "b", "c", "d", "e", "f"].map(by);
    expect(notTakenText(many, "es", named).split(", ")).toHaveLength(4);
  });
});
