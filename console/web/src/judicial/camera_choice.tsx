// Which cameras: by a click on the map, by name from a list, or all around a point. Map and list are one choice; the
// list alone is enough.
import { Suspense, lazy } from "preact/compat";
import { useMemo, useState } from "preact/hooks";
import type { JSX } from "preact";
import { within } from "../core/filing";
import { plain } from "../core/text";
import type { Reach } from "../map/city_map";
import { askable } from "../state/judicial";
import { t } from "../words/words";

const CameraMap = lazy(() => import("./camera_map"));
/** So many rows are drawn of a list that nobody narrowed. */
const MOST_SHOWN = 300;

export type Choice = ReadonlySet<string>;
interface Choosing {
  chosen: Choice;
  onChange: (chosen: Choice) => void;
}

const toggled = (chosen: Choice, id: string): Choice => {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return next;
};

export function CameraChoice({ chosen, onChange }: Choosing): JSX.Element {
  const [written, setWritten] = useState<Written>({ lat: "", lon: "", metres: "150" });
  const reach = useMemo(() => reachOf(written), [written]);
  const cameras = askable.value ?? [];
  const picks = {
    camera: (id: string): void => onChange(toggled(chosen, id)),
    ground: (lat: number, lon: number): void =>
      setWritten((before) => ({ ...before, lat: lat.toFixed(6), lon: lon.toFixed(6) })),
  };
  if (askable.value && !cameras.length) return <p class="banner warn">{t("cameras_none")}</p>;
  return (
    <fieldset class="choice">
      <legend>
        {t("cameras_choose")} · {t("cameras_chosen", chosen.size)}
      </legend>
      <p class="dim">{t("cameras_map_why")}</p>
      <div class="beside">
        <Suspense fallback={<p class="dim">{t("loading")}</p>}>
          <CameraMap title={t("map_of_cameras")} cameras={cameras} chosen={chosen} reach={reach} picks={picks} />
        </Suspense>
        <List chosen={chosen} onChange={onChange} />
      </div>
      <Around written={written} onWrite={setWritten} reach={reach} chosen={chosen} onChange={onChange} />
    </fieldset>
  );
}

function List({ chosen, onChange }: Choosing): JSX.Element {
  const [words, setWords] = useState("");
  const wanted = words.trim().toLocaleLowerCase();
  const found = (askable.value ?? []).filter((one) => `${one.name} ${one.id}`.toLocaleLowerCase().includes(wanted));
  return (
    <div class="names">
      <label>
        {t("cameras_filter")}
        <input
          type="search"
          name="camera_words"
          autocomplete="off"
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      </label>
      <div class="choices" role="group" aria-label={t("cameras_list")}>
        {found.slice(0, MOST_SHOWN).map((one) => (
          <label key={one.id} class="check">
            <input
              type="checkbox"
              name="camera"
              value={one.id}
              checked={chosen.has(one.id)}
              onChange={() => onChange(toggled(chosen, one.id))}
            />
            <span>
              {plain(one.name, 80)} {one.name === one.id ? null : <small>{plain(one.id, 64)}</small>}
            </span>
          </label>
        ))}
        {found.length ? null : <p class="dim">{t("cameras_none_match")}</p>}
        {found.length > MOST_SHOWN ? <p class="dim">{t("lines_more", found.length - MOST_SHOWN)}</p> : null}
      </div>
      <button type="button" class="small" disabled={!chosen.size} onClick={() => onChange(new Set())}>
        {t("cameras_clear")}
      </button>
    </div>
  );
}

const numberOf = (text: string): number => Number.parseFloat(text.replace(",", "."));

/** The point as it is written; the map's point is what these words mean. */
interface Written {
  lat: string;
  lon: string;
  metres: string;
}

function reachOf(written: Written): Reach | null {
  const lat = numberOf(written.lat),
    lon = numberOf(written.lon),
    metres = numberOf(written.metres);
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && metres > 0 ? { lat, lon, metres } : null;
}

/** The fields and the map's point are one: a click writes them, what is written moves it. */
function Around({
  written,
  onWrite,
  reach,
  chosen,
  onChange,
}: Choosing & { written: Written; onWrite: (written: Written) => void; reach: Reach | null }): JSX.Element {
  const [said, setSaid] = useState("");
  const add = (): void => {
    if (!reach) return;
    const near = within(askable.value ?? [], reach, reach.metres);
    onChange(new Set([...chosen, ...near]));
    setSaid(t("cameras_added", near.length, Math.round(reach.metres)));
  };
  const fields = { lat: "lat", lon: "lon", metres: "cameras_metres" } as const;
  return (
    <fieldset class="around">
      <legend>{t("cameras_near")}</legend>
      <p class="dim">{t("cameras_address")}</p>
      <div class="row">
        {(["lat", "lon", "metres"] as const).map((name) => (
          <label key={name}>
            {t(fields[name])}
            <input
              name={`near_${name}`}
              inputMode="decimal"
              autocomplete="off"
              value={written[name]}
              onInput={(event) => onWrite({ ...written, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
        <button type="button" class="button" disabled={!reach} onClick={add}>
          {t("cameras_add")}
        </button>
      </div>
      <p role="status">{said}</p>
    </fieldset>
  );
}
