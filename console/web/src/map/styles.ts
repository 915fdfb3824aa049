// How things look on the map: levels by shape, size and colour; cameras by health.
import type { FeatureLike } from "ol/Feature";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import RegularShape from "ol/style/RegularShape";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import type { Level } from "../api/shapes";
import type { NearUnit } from "../core/units";
import type { Camera } from "../state/city";
import { t } from "../words/words";
import type { Spot } from "./clusters";

const COLOURS: Record<Level, string> = { P1: "#ff6b6d", P2: "#ff9f40", P3: "#ffd84d", P4: "#6cb6ff", P5: "#a9bccd" };
const SIZES: Record<Level, number> = { P1: 11, P2: 9, P3: 8, P4: 7, P5: 6 };
// A canvas knows no rem: on a 4K wall everything grows as the page does.
const SCALE = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
const FONT = `600 ${Math.round(14 * SCALE)}px system-ui, 'DejaVu Sans', sans-serif`;
const SMALL_FONT = `${Math.round(13 * SCALE)}px system-ui, 'DejaVu Sans', sans-serif`;
const GROUND = "#0e1318";
const HALO = new Stroke({ color: GROUND, width: 3 });

const named = (text: string, more: Record<string, unknown> = {}): Text =>
  new Text({ text, font: FONT, fill: new Fill({ color: "#b9c7d4" }), stroke: HALO, ...more });

export function districtStyle(feature: FeatureLike, resolution: number): Style[] {
  const silent = Number(feature.get("silent") ?? 0);
  const fill = new Fill({ color: silent ? "rgba(199,146,234,0.28)" : "rgba(34,46,58,0.55)" });
  const name = `${feature.get("name") ?? ""}${silent ? `  ◈ ${silent}` : ""}`;
  const style = new Style({
    fill,
    stroke: new Stroke({ color: silent ? "#c792ea" : "#45566a", width: silent ? 2 : 1 }),
  });
  if (resolution < 60) style.setText(named(name, { overflow: false }));
  return [style];
}

/** A thin line, and names between the city's overview and its streets. */
export function neighbourhoodStyle(feature: FeatureLike, resolution: number): Style[] {
  if (resolution > 30) return [];
  const style = new Style({ stroke: new Stroke({ color: "#3f5166", width: 1, lineDash: [2, 4] }) });
  if (resolution < 14) style.setText(named(String(feature.get("name") ?? ""), { font: SMALL_FONT, overflow: false }));
  return [style];
}

/** Names only where they can be read, and no lines at all where they would be a grey mass. */
export function streetStyle(feature: FeatureLike, resolution: number): Style[] {
  if (resolution > 40) return [];
  const line = new Style({ stroke: new Stroke({ color: "#4a5a6b", width: resolution < 3 ? 3 : 1 }) });
  if (resolution < 2.5) {
    line.setText(named(String(feature.get("name") ?? ""), { placement: "line", font: SMALL_FONT }));
  }
  return [line];
}

export function facilityStyle(feature: FeatureLike, resolution: number): Style[] {
  if (resolution > 10) return [];
  const style = new Style({
    image: new RegularShape({ points: 4, radius: 5, angle: 0, fill: new Fill({ color: "#7d93a8" }) }),
  });
  if (resolution < 3)
    style.setText(named(String(feature.get("name") ?? ""), { offsetY: 12, font: SMALL_FONT }));
  return [style];
}

const isWell = (camera: Camera): boolean => camera.health === "good" || camera.health === "unknown";

export function coneStyle(feature: FeatureLike, resolution: number): Style[] {
  if (resolution > 12) return [];
  const camera = feature.get("camera") as Camera,
    sees = Boolean(feature.get("sees"));
  const colour = isWell(camera) ? (sees ? "91,208,138" : "108,182,255") : "255,107,109";
  return [
    new Style({
      fill: new Fill({ color: `rgba(${colour},${sees ? 0.35 : 0.14})` }),
      stroke: new Stroke({
        color: `rgba(${colour},0.8)`,
        width: sees ? 2 : 1,
        ...(isWell(camera) ? {} : { lineDash: [4, 4] }),
      }),
    }),
  ];
}

export function cameraStyle(feature: FeatureLike, resolution: number): Style[] {
  const isPickable = Boolean(feature.get("pickable")),
    isPicked = isPickable && Boolean(feature.get("sees"));
  if (resolution > 20 && !isPickable) return [];
  const camera = feature.get("camera") as Camera;
  const well = isWell(camera),
    colour = isPicked ? "#66d694" : well ? "#9fd0ff" : "#ff6b6d";
  const style = new Style({
    zIndex: isPicked ? 2 : 1,
    image: new RegularShape({
      points: 3,
      radius: isPickable ? (isPicked ? 10 : 8) : 6,
      fill: new Fill({ color: isPicked ? colour : GROUND }),
      stroke: new Stroke({ color: colour, width: 2 }),
    }),
  });
  if (!well) style.setText(new Text({ text: "✕", font: FONT, fill: new Fill({ color: colour }), offsetY: -10 }));
  else if (isPicked || (isPickable && resolution < 2.5)) style.setText(named(camera.name, { offsetY: 18, font: SMALL_FONT }));
  return [style];
}

const UNIT_MARKS: Record<string, string> = { ambulance: "✚", fire_brigade: "▲", police: "★", municipal_guard: "◆" };

/** A box with its agency's mark; grey, dashed and with its age when nothing was heard lately; ringed when it was sent. */
export function unitStyle(feature: FeatureLike, resolution: number): Style[] {
  const near = feature.get("near") as NearUnit,
    isSent = Boolean(feature.get("isSent"));
  if (resolution > 60 && !isSent) return [];
  const colour = near.isFresh ? "#66e0d0" : "#8596a7";
  const box = new RegularShape({
    points: 4,
    radius: (isSent ? 15 : 11) * SCALE,
    angle: Math.PI / 4,
    fill: new Fill({ color: near.isFresh ? "#0b3a36" : GROUND }),
    stroke: new Stroke({
      color: isSent ? "#ffffff" : colour,
      width: isSent ? 3 : 2,
      ...(near.isFresh ? {} : { lineDash: [4, 3] }),
    }),
  });
  const mark = new Text({ text: UNIT_MARKS[near.unit.agency] ?? "■", font: SMALL_FONT, fill: new Fill({ color: colour }) });
  const styles = [new Style({ image: box, text: mark, zIndex: isSent ? 9 : 5 })];
  if (resolution < 8 || isSent) {
    const away = String(feature.get("away") ?? "");
    const says = isSent || !near.isFresh ? [near.unit.name, away].filter(Boolean).join(" ") : near.unit.name;
    styles.push(new Style({ text: named(says, { offsetY: 20 * SCALE, font: SMALL_FONT }), zIndex: isSent ? 9 : 5 }));
  }
  return styles;
}

function shapeOf(level: Level, radius: number): CircleStyle | RegularShape {
  const fill = new Fill({ color: COLOURS[level] }),
    stroke = new Stroke({ color: GROUND, width: 2 });
  switch (level) {
    case "P1":
      return new RegularShape({ points: 4, radius: radius * 1.25, angle: Math.PI / 4, fill, stroke });
    case "P2":
      return new RegularShape({ points: 3, radius: radius * 1.25, fill, stroke });
    case "P3":
      return new RegularShape({ points: 4, radius: radius * 1.2, fill, stroke });
    case "P4":
      return new CircleStyle({ radius, fill, stroke });
    case "P5":
      return new CircleStyle({
        radius,
        fill: new Fill({ color: GROUND }),
        stroke: new Stroke({ color: COLOURS.P5, width: 2 }),
      });
  }
}

const kept = new Map<string, Style>();

export function alertStyle(feature: FeatureLike): Style {
  const spot = feature.get("spot") as Spot,
    { level, count } = spot;
  const isTaken = spot.row !== null && spot.row.status !== "open",
    isDrill = Boolean(spot.row?.drill);
  const key = `${level}${count}${isTaken}${isDrill ? t("drill") : ""}`;
  const found = kept.get(key);
  if (found) return found;
  const radius = SCALE * (SIZES[level] + (count > 1 ? 5 + Math.min(8, Math.log2(count)) : 0));
  const image = shapeOf(level, radius);
  image.setOpacity(isTaken ? 0.65 : 1);
  const style = new Style({ image, zIndex: 10 - Number(level[1]) });
  if (count > 1)
    style.setText(
      new Text({
        text: String(count),
        font: FONT,
        fill: new Fill({ color: level === "P5" ? "#e8edf2" : GROUND }),
      }),
    );
  // In words, below its shape: who looks at the map alone must not send anybody there.
  if (isDrill)
    style.setText(
      new Text({
        text: t("drill"),
        font: SMALL_FONT,
        offsetY: radius + 10 * SCALE,
        fill: new Fill({ color: "#c9bcff" }),
        stroke: HALO,
      }),
    );
  if (kept.size < 500) kept.set(key, style);
  return style;
}

export const chosenStyle = (): Style =>
  new Style({
    image: new CircleStyle({ radius: 20 * SCALE, stroke: new Stroke({ color: "#ffffff", width: 3 }) }),
    stroke: new Stroke({ color: "#ffffff", width: 2, lineDash: [6, 5] }),
    zIndex: 20,
  });
