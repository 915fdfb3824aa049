// The map: the city's own districts and streets, alerts, cameras. A picture beside the queue, which says the same in
// words.
import { useEffect, useRef } from "preact/hooks";
import { signal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { nearest, unitOf } from "../core/units";
import { areTilesDamaged, cameras, city, type Tiles } from "../state/city";
import { now } from "../state/clock";
import { rows, selectedRow, point } from "../state/desk";
import { units } from "../state/units";
import { alertPage } from "../alert/panel";
import { may } from "../state/session";
import { t, type Word } from "../words/words";
import { CityMap } from "./city_map";

const showsCameras = signal(true);
const showsUnits = signal(true);
const showsTiles = signal(true);

/** So often a unit that says nothing may turn grey. */
const GROWS_OLD_MS = 15_000;

export default function MapPanel(): JSX.Element {
  const place = useRef<HTMLDivElement>(null),
    map = useRef<CityMap | null>(null);
  useEffect(() => {
    if (!place.current) return undefined;
    const made = new CityMap(place.current, point);
    map.current = made;
    return () => made.end();
  }, []);
  useEffect(() => map.current?.showCity(city.value), [city.value]);
  const tiles = showsTiles.value && !areTilesDamaged.value ? city.value?.tiles : undefined;
  useEffect(() => {
    if (tiles) void layTiles(map.current, tiles);
    else map.current?.layGround(null);
  }, [tiles]);
  useEffect(
    () => map.current?.showCameras(showsCameras.value ? cameras.value : [], seeing()),
    [cameras.value, showsCameras.value, alertPage.value],
  );
  const minute = Math.floor(now.value / GROWS_OLD_MS);
  useEffect(
    () => map.current?.showUnits(showsUnits.value ? nearest(units.value, selectedRow.value ?? {}, now.peek()) : [], sent()),
    [units.value, showsUnits.value, alertPage.value, selectedRow.value?.id, minute],
  );
  useEffect(() => map.current?.showAlerts(rows.value), [rows.value]);
  useEffect(() => map.current?.choose(selectedRow.value), [selectedRow.value?.id, selectedRow.value?.version]);
  return (
    <section class="panel map" aria-label={t("map")}>
      <div ref={place} class="canvas" aria-hidden="true" />
      <div class="over">
        {may("cameras.read") ? <Layer shows={showsCameras} word="cameras" /> : null}
        {city.value?.tiles && !areTilesDamaged.value ? <Layer shows={showsTiles} word="tiles" /> : null}
        {units.value.length ? <Layer shows={showsUnits} word="units" /> : null}
      </div>
      {areTilesDamaged.value ? (
        <p class="fine damaged" role="status">
          ▲ {t("tiles_damaged")}
        </p>
      ) : null}
      {city.value?.note ? <p class="fine">{t("map_approximate")}</p> : null}
    </section>
  );
}

async function layTiles(map: CityMap | null, tiles: Tiles): Promise<void> {
  const { tilesLayer } = await import("./tiles");
  map?.layGround(
    tilesLayer(tiles, () => {
      areTilesDamaged.value = true;
    }),
  );
}

function Layer({ shows, word }: { shows: Signal<boolean>; word: Word }): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={shows.value}
        onChange={(event) => {
          shows.value = event.currentTarget.checked;
        }}
      />
      {t(word)}
    </label>
  );
}

/** The units that were sent to the chosen alert. */
const sent = (): ReadonlySet<string> =>
  new Set((alertPage.value?.agencies ?? []).flatMap((one) => unitOf(units.value, one.unit)?.id ?? []));

/** The cameras of the chosen alert that see it. */
const seeing = (): ReadonlySet<string> =>
  new Set((alertPage.value?.cameras ?? []).filter((camera) => camera.sees).map((camera) => camera.id));
