import { describe, expect, it } from "vitest";
import { newsOf } from "../src/feed/messages";
import { metresApart } from "../src/core/geometry";
import { isFresh, nearest, unitOf, type Unit } from "../src/core/units";
import { NOW_MS } from "./rows";

const unit = (id: string, change: Partial<Unit> = {}): Unit => ({
  id,
  name: id,
  agency: "police",
  kind: "patrol",
  lat: -32.95,
  lon: -60.64,
  district: "centro",
  seen_ms: NOW_MS,
  fresh_s: 90,
  ...change,
});

describe("units", () => {
  it("a hundredth of a degree of latitude is 1.1 km, of longitude less this far south", () => {
    expect(metresApart({ lat: -32.95, lon: -60.64 }, { lat: -32.94, lon: -60.64 })).toBeCloseTo(1112, 0);
    expect(metresApart({ lat: -32.95, lon: -60.64 }, { lat: -32.95, lon: -60.63 })).toBeCloseTo(933, 0);
  });

  it("the nearest comes first; of whom nothing was heard lately comes last, near as it was", () => {
    const far = unit("far", { lon: -60.6 }),
      near = unit("near", { lon: -60.63 }),
      mute = unit("mute", { seen_ms: NOW_MS - 90_001 });
    const found = nearest([mute, far, near], { lat: -32.95, lon: -60.64 }, NOW_MS);
    expect(found.map((one) => one.unit.id)).toEqual(["near", "far", "mute"]);
    expect(found[2]).toMatchObject({ isFresh: false, metres: 0 });
    expect(isFresh(unit("edge", { seen_ms: NOW_MS - 90_000 }), NOW_MS)).toBe(true);
  });

  it("of a place that is not known nobody is near: they come by name", () => {
    const found = nearest([unit("b"), unit("a")], { lat: null, lon: null }, NOW_MS);
    expect(found.map((one) => [one.unit.id, one.metres])).toEqual([
      ["a", null],
      ["b", null],
    ]);
  });

  it("who was sent is found however somebody wrote it, and nobody for nothing", () => {
    const all = [unit("vehicle:movil-07", { name: "Móvil 07" }), unit("sies-2", { name: "SIES 2" })];
    expect(unitOf(all, " movil 07")?.id).toBe("vehicle:movil-07");
    expect(unitOf(all, "SIES-2")?.id).toBe("sies-2");
    expect(unitOf(all, "")).toBeUndefined();
    expect(unitOf(all, undefined)).toBeUndefined();
    expect(unitOf(all, "7")).toBeUndefined();
  });

  it("the feed's event of units is theirs alone: no page asks anything again for it", () => {
    expect(newsOf("units", '{"units":[]}')).toEqual({ kind: "units", body: { units: [] } });
    expect(newsOf("area", "{}").kind).toBe("other");
  });
});
