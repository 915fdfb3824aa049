// Cameras on the city's map: to pick them, or to see which were asked for. A chunk of its own, as the desk's map is.
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { CityMap, type Picks, type Reach } from "../map/city_map";
import { city, type Camera } from "../state/city";

interface Shown {
  title: string;
  cameras: readonly Camera[];
  chosen: ReadonlySet<string>;
  reach?: Reach | null;
  picks?: Picks;
}

const NOTHING: Picks = { camera: () => undefined, ground: () => undefined };

export default function CameraMap({ title, cameras, chosen, reach = null, picks = NOTHING }: Shown): JSX.Element {
  const place = useRef<HTMLDivElement>(null),
    map = useRef<CityMap | null>(null),
    taken = useRef(picks);
  taken.current = picks;
  useEffect(() => {
    if (!place.current) return undefined;
    const made = new CityMap(place.current, () => undefined, {
      camera: (id) => taken.current.camera(id),
      ground: (lat, lon) => taken.current.ground(lat, lon),
    });
    map.current = made;
    return () => made.end();
  }, []);
  useEffect(() => map.current?.showCity(city.value), [city.value]);
  useEffect(() => map.current?.showCameras(cameras, chosen), [cameras, chosen]);
  // Only the first time: what somebody looks at does not move away under a click.
  const isKnown = cameras.length > 0;
  useEffect(() => {
    const asked = cameras.filter((one) => picks === NOTHING && chosen.has(one.id));
    map.current?.lookAt(asked.length ? asked : cameras);
  }, [isKnown, city.value]);
  useEffect(() => map.current?.showReach(reach), [reach]);
  return (
    <section class="panel map picking" aria-label={title}>
      <div ref={place} class="canvas" aria-hidden="true" />
    </section>
  );
}
