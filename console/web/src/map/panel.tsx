// The map: the city's own districts and streets, alerts, cameras. A picture beside the queue, which says the same in
// words.
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { cameras, city } from "../state/city";
import { rows, selectedRow, point } from "../state/desk";
import { alertPage } from "../alert/panel";
import { mayAsk } from "../state/session";
import { t } from "../words/words";
import { CityMap } from "./city_map";

const showsCameras = signal(true);

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
  useEffect(
    () => map.current?.showCameras(showsCameras.value ? cameras.value : [], seeing()),
    [cameras.value, showsCameras.value, alertPage.value],
  );
  useEffect(() => map.current?.showAlerts(rows.value), [rows.value]);
  useEffect(() => map.current?.choose(selectedRow.value), [selectedRow.value?.id, selectedRow.value?.version]);
  return (
    <section class="panel map" aria-label={t("map")}>
      <div ref={place} class="canvas" aria-hidden="true" />
      {mayAsk("cameras") ? (
        <label class="check over">
          <input
            type="checkbox"
            checked={showsCameras.value}
            onChange={(event) => {
              showsCameras.value = event.currentTarget.checked;
            }}
          />
          {t("cameras")}
        </label>
      ) : null}
      {city.value?.note ? <p class="fine">{t("map_approximate")}</p> : null}
    </section>
  );
}

/** The cameras of the chosen alert that see it. */
const seeing = (): ReadonlySet<string> =>
  new Set((alertPage.value?.cameras ?? []).filter((camera) => camera.sees).map((camera) => camera.id));
