// The city as the console has it: districts, streets, facilities; cameras with their health. Asked once, and again by
// hand.
import { computed, signal } from "@preact/signals";
import { ask, get } from "../api/http";
import { CAMERA_STATES, type CameraState } from "../api/tables";
import { may } from "./session";

export interface Feature {
  type: "Feature";
  properties: { id?: string; name?: string; kind?: string; [other: string]: unknown };
  geometry: { type: string; coordinates: unknown };
}
export interface City {
  type: "FeatureCollection";
  features: Feature[];
  note?: string;
  /** The map tiles of the city pack: `mvt`, or the name of a picture format. */
  tiles?: Tiles;
  tiles_damaged?: boolean;
}
export interface Tiles {
  kind: string;
  min_zoom: number;
  max_zoom: number;
}

export interface Camera {
  id: string;
  name: string;
  lat: number;
  lon: number;
  azimuth?: number | null;
  fov?: number | null;
  range_m?: number | null;
  health: CameraState;
}

export const city = signal<City | null>(null);
export const cameras = signal<Camera[]>([]);
/** Whether the map tiles are not what they should be, as the centre says or as this page found. */
export const areTilesDamaged = signal(false);

const NO_DISTRICT: ReadonlySet<string> = new Set([
  "street",
  "facility",
  "school",
  "block",
  "camera",
  "health",
  "stop",
  "neighbourhood",
]);
export const kindOf = (feature: Feature): string => {
  const kind = String(feature.properties.kind ?? feature.properties["layer"] ?? "");
  if (kind) return kind;
  return feature.geometry.type.includes("Polygon") ? "district" : "place";
};

export const districts = computed(() => {
  const found = new Map<string, string>();
  for (const feature of city.value?.features ?? []) {
    const kind = kindOf(feature),
      id = feature.properties.id;
    if (id && !NO_DISTRICT.has(kind) && feature.geometry.type.includes("Polygon"))
      found.set(id, feature.properties.name ?? id);
  }
  return found;
});

export const districtName = (id: string | null): string => (id ? (districts.value.get(id) ?? id) : "");

export async function askCity(): Promise<void> {
  const [map, found] = await Promise.all([
    ask<City>("GET", "city", { isKept: true }),
    may("cameras.read") ? get<{ cameras?: Json[] } | Json[]>("cameras") : null,
  ]);
  if (map.ok) {
    areTilesDamaged.value = Boolean(map.value.tiles_damaged);
    city.value = map.value;
  }
  if (found?.ok)
    cameras.value = (Array.isArray(found.value) ? found.value : (found.value.cameras ?? [])).flatMap(cameraOf);
}

type Json = Record<string, unknown>;
const numberOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** A camera as the catalogue tells it; nothing for one without a place. */
export function cameraOf(found: Json): Camera[] {
  const place = (found["place"] ?? found) as Json;
  const lat = numberOf(place["lat"]),
    lon = numberOf(place["lon"]);
  if (lat === null || lon === null) return [];
  return [
    {
      id: String(found["id"]),
      name: String(found["name"] ?? found["id"]),
      lat,
      lon,
      azimuth: numberOf(found["azimuth_deg"] ?? found["azimuth"]),
      fov: numberOf(found["fov_deg"] ?? found["field_of_view_deg"] ?? found["fov"]),
      range_m: numberOf(found["range_m"]),
      health: CAMERA_STATES.find((state) => state === found["health"]) ?? "unknown",
    },
  ];
}
