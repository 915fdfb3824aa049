import { describe, expect, it } from "vitest";
import { bodyOf, changed, DAYS, lackOf, teamId, type Written } from "../src/core/duty";

const POLICE: Written = {
  is_fallback: false,
  team: {
    id: "police",
    name_es: "Policía",
    name_en: "Police",
    shift: [{ starts: "22:00", ends: "06:00", people: ["ana"] }],
    cover: [{ starts: "2026-12-24T20:00", ends: "2026-12-25T08:00:00", people: ["eva"], reason: "Nochebuena" }],
  },
};

describe("a team's shifts", () => {
  it("go without the id, with all their days and whole times", () => {
    const body = bodyOf(POLICE);
    expect(body).not.toHaveProperty("id");
    expect(body["shift"]).toEqual([{ starts: "22:00", ends: "06:00", people: ["ana"], days: [...DAYS] }]);
    expect(body["cover"]).toMatchObject([{ starts: "2026-12-24T20:00:00", ends: "2026-12-25T08:00:00" }]);
  });

  it("are not sent while one has nobody, no time, or the team no name", () => {
    expect(lackOf(POLICE)).toBeNull();
    expect(lackOf({ ...POLICE, team: { ...POLICE.team, name_en: " " } })).toBe("name");
    expect(lackOf({ ...POLICE, team: { ...POLICE.team, shift: [{ starts: "", ends: "06:00", people: ["x"] }] } })).toBe("time");
    expect(lackOf({ ...POLICE, team: { ...POLICE.team, cover: [{ starts: "a", ends: "b", people: [] }] } })).toBe("people");
  });

  it("have a plain name, whatever somebody writes", () => {
    expect(teamId("Guardia Urbana (centro)")).toBe("guardia_urbana_centro_");
    expect(teamId("¡Policía!")).toBe("policia_");
  });

  it("change one at a time", () => {
    expect(changed([1, 2, 3], 1, 9)).toEqual([1, 9, 3]);
    expect(changed([1, 2, 3], 0, null)).toEqual([2, 3]);
  });
});
