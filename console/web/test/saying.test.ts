import { describe, expect, it } from "vitest";
import { ageText, CentreClock, clockText, timeText } from "../src/core/ages";
import { commandOf, SHORTCUTS } from "../src/core/keys";
import { addressOf, routeOf } from "../src/core/route";
import { keepsRinging, mayRing, PATTERNS } from "../src/core/sound_plan";
import { plain } from "../src/core/text";
import { coneRing } from "../src/core/geometry";
import { ACTS, isFor, type ActSpec } from "../src/alert/acts_table";
import {
  ACT_KINDS,
  CAMERA_STATES,
  COMMAND_KINDS,
  CORE_WORDS,
  DISPOSITIONS,
  GOVERNMENTS,
  LEDGER_OUTCOMES,
  ROLES,
  STAGES,
  STATUSES,
} from "../src/api/tables";
import { said, speak } from "../src/words/words";
import { en } from "../src/words/en";
import { es } from "../src/words/es";
import { press } from "./rows";

describe("what is said", () => {
  it("both languages fill in the same values, and no sentence is empty", () => {
    const holes = (text: string): string[] => [...text.matchAll(/\{\d\}/g)].map((found) => found[0]).sort();
    for (const [word, text] of Object.entries(es)) {
      expect(text.trim(), word).not.toBe("");
      expect(holes(en[word as keyof typeof es]), word).toEqual(holes(text));
    }
  });

  it("ages never go below zero, and hours keep their minutes", () => {
    expect(ageText(10_000, 5_000)).toBe("0 s");
    expect(ageText(0, 59_000)).toBe("59 s");
    expect(ageText(0, 3 * 3_600_000 + 5 * 60_000)).toBe("3 h 05 min");
    expect(ageText(0, 50 * 3_600_000)).toBe("2 d 2 h");
    expect(clockText(65_000)).toBe("1:05");
    expect(clockText(-30_000)).toBe("-0:30");
  });

  it("past midnight yesterday's time carries its day", () => {
    const late = new Date(2026, 10, 26, 23, 58, 10).getTime(),
      after = new Date(2026, 10, 27, 0, 3).getTime();
    expect(timeText(late, after, "es")).toContain("26");
    expect(timeText(late, late + 60_000, "es")).toBe("23:58:10");
  });

  it("a change of this machine's clock moves no age: the centre's time runs on a monotonic clock", () => {
    let tick = 0,
      wall = 1_000_000;
    const clock = new CentreClock(
      () => tick,
      () => wall,
    );
    clock.set(5_000_000);
    wall += 3_600_000;
    tick += 250;
    expect(clock.now()).toBe(5_000_250);
  });

  it("text that would turn a line around, or hide in it, is made visible, and ten megabytes are cut", () => {
    expect(plain("abc\u202Egpj.exe\u200B")).toBe("abc·gpj.exe·");
    expect(plain("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
    expect(plain("x".repeat(10_000_000)).length).toBe(601);
  });
});

describe("what the console calls things", () => {
  const families: [string, readonly string[]][] = [
    ["status", STATUSES],
    ["disposition", DISPOSITIONS],
    ["stage", STAGES],
    ["act", ACT_KINDS],
    ["role", ROLES],
    ["competence", GOVERNMENTS],
    ["command", COMMAND_KINDS],
    ["health", CAMERA_STATES],
    ["outcome", LEDGER_OUTCOMES],
  ];
  it.each(families)("every %s has its words, in both languages", (prefix, codes) => {
    expect(codes.filter((code) => !(`${prefix}_${code}` in { ...es, ...CORE_WORDS }))).toEqual([]);
    speak("en");
    expect(said(prefix, codes[0]!)).not.toBe("");
    speak("es");
  });

  it("what core calls it is said nowhere else: no word is written twice", () => {
    expect(Object.keys(CORE_WORDS).filter((word) => word in es)).toEqual([]);
  });

  it("who may act is the console's own table, a silent alert's too", () => {
    const shown = (kind: string): ActSpec => ACTS.find((one) => one.kind === kind)!;
    const loud = press("1"),
      silent = press("2", { silent: true });
    expect(isFor(shown("close"), loud, "dispatcher")).toBe(false);
    expect(isFor(shown("close"), loud, "operator")).toBe(true);
    expect(isFor(shown("acknowledge"), silent, "operator")).toBe(false);
    expect(isFor(shown("acknowledge"), silent, "supervisor")).toBe(true);
    expect(isFor(shown("siren_confirm"), silent, "response_team")).toBe(false);
  });
});

describe("the address", () => {
  it("holds alert and filters, whatever their letters", () => {
    const route = routeOf("/console/alerts/a%2F1", "?district=echesortu&words=%22ñ%22");
    expect(route).toEqual({
      page: "desk",
      alert: "a/1",
      item: null,
      filters: { district: "echesortu", type: "", source: "", words: '"ñ"' },
    });
    const address = new URL(addressOf(route), "http://localhost");
    expect(routeOf(address.pathname, address.search)).toEqual(route);
    expect(routeOf("/console/ledger", "").page).toBe("ledger");
    const asked = routeOf("/console/portal/5f", "");
    expect([asked.page, asked.item, addressOf(asked)]).toEqual(["portal", "5f", "/console/portal/5f"]);
    expect(routeOf("/console/%E0%A4%A", "").page).toBe("desk");
  });
});

describe("the keyboard", () => {
  it("gives each key one meaning", () => {
    expect(new Set(SHORTCUTS.map((one) => one.key)).size).toBe(SHORTCUTS.length);
  });

  it("letters that somebody writes into a field are no commands, nor are the browser's own combinations", () => {
    const field = document.createElement("textarea");
    document.body.append(field);
    const pressed = (target: HTMLElement, init: KeyboardEventInit): string | null => {
      let found: string | null = null;
      target.addEventListener(
        "keydown",
        (event) => {
          found = commandOf(event, true);
        },
        { once: true },
      );
      target.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, ...init }));
      return found;
    };
    expect(pressed(document.body, { key: "a" })).toBe("acknowledge");
    expect(pressed(field, { key: "a" })).toBe(null);
    expect(pressed(document.body, { key: "c", ctrlKey: true })).toBe(null);
  });
});

describe("sound", () => {
  it("each level has a pattern of its own", () => {
    expect(new Set(Object.values(PATTERNS).map((pattern) => JSON.stringify(pattern))).size).toBe(5);
  });

  it("a P1 rings until it is taken; a silent one rings for the response team alone; a drill does not repeat", () => {
    expect(keepsRinging([press("a")], false)).toBe(true);
    expect(keepsRinging([press("a", { status: "acknowledged" })], false)).toBe(false);
    expect(keepsRinging([press("a", { silent: true })], false)).toBe(false);
    expect(keepsRinging([press("a", { silent: true })], true)).toBe(true);
    expect(keepsRinging([press("a", { drill: true })], true)).toBe(false);
    expect(mayRing(press("a", { silent: true }), false)).toBe(false);
  });
});

describe("a camera's cone", () => {
  it("opens towards its azimuth, as wide as its field of view, as far as its range", () => {
    const ring = coneRing({ lat: -32.95, lon: -60.64, azimuth: 0, fov: 60, range: 100 });
    expect(ring[0]).toEqual([-60.64, -32.95]);
    const tip = ring[Math.floor(ring.length / 2)]!;
    expect(tip[1]).toBeGreaterThan(-32.95);
    expect((tip[1] + 32.95) * 111_195).toBeCloseTo(100, 0);
  });
});
