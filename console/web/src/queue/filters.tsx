// Filters of the list below. They never touch life at risk that nobody took, and always say what they leave out.
import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { NO_FILTERS, type Filters as Chosen } from "../core/listing";
import { districts } from "../state/city";
import { listing, rows, thaw } from "../state/desk";
import { route, toFilters } from "../state/route";
import { lang, t } from "../words/words";

/** Facets are capped: an unlimited list of them is what froze other consoles. */
const FACETS_MAX = 60;
export const filterFocus = signal(0);

function facets(): { types: Map<string, string>; sources: Set<string>; places: Map<string, string> } {
  const types = new Map<string, string>(),
    sources = new Set<string>(),
    places = new Map(districts.value);
  for (const row of rows.value) {
    if (types.size < FACETS_MAX && !row.silent)
      types.set(row.type ?? row.name_es, lang.value === "es" ? row.name_es : row.name_en);
    for (const one of row.source_names ?? []) if (sources.size < FACETS_MAX) sources.add(one);
    if (row.district && !places.has(row.district) && places.size < FACETS_MAX) places.set(row.district, row.district);
  }
  return { types, sources, places };
}

function set(change: Partial<Chosen>): void {
  thaw();
  toFilters({ ...route.value.filters, ...change });
}

export function Filters(): JSX.Element {
  const chosen = route.value.filters,
    { types, sources, places } = facets();
  const left = listing.value.filtered,
    any = Object.values(chosen).some(Boolean);
  return (
    <div class="filters" role="search" aria-label={t("filters")}>
      <input
        type="search"
        id="filter-words"
        placeholder={t("filter_words")}
        aria-label={t("filter_words")}
        value={chosen.words}
        onInput={(event) => set({ words: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <Choice
        label={t("district")}
        value={chosen.district}
        options={[...places]}
        onChoose={(district) => set({ district })}
      />
      <Choice label={t("type")} value={chosen.type} options={[...types]} onChoose={(type) => set({ type })} />
      {sources.size ? (
        <Choice
          label={t("source")}
          value={chosen.source}
          options={[...sources].map((one) => [one, one])}
          onChoose={(source) => set({ source })}
        />
      ) : null}
      {any ? (
        <button type="button" class="small" onClick={() => set(NO_FILTERS)}>
          {t("filters_off", left)}
        </button>
      ) : null}
    </div>
  );
}

function Choice({
  label,
  value,
  options,
  onChoose,
}: {
  label: string;
  value: string;
  options: [string, string][];
  onChoose: (value: string) => void;
}): JSX.Element {
  const sorted = [...options].sort((a, b) => a[1].localeCompare(b[1]));
  return (
    <select aria-label={label} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      <option value="">{label}</option>
      {value && !options.some(([key]) => key === value) ? <option value={value}>{value}</option> : null}
      {sorted.map(([key, name]) => (
        <option key={key} value={key}>
          {name}
        </option>
      ))}
    </select>
  );
}
