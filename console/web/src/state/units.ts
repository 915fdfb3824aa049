// The units of the agencies as the feed tells them; they grow old here when it tells nothing.
import { signal } from "@preact/signals";
import { ageText, distanceText } from "../core/ages";
import type { NearUnit, Unit } from "../core/units";
import { now } from "./clock";
import { t } from "../words/words";

export const units = signal<readonly Unit[]>([]);

export function takeUnits(body: unknown): void {
  units.value = (body as { units?: Unit[] }).units ?? [];
}

/** "1.2 km", and since when nothing was heard when that is too long. */
export const awayText = ({ metres, unit, isFresh }: NearUnit): string =>
  [
    metres === null ? "" : distanceText(metres),
    isFresh ? "" : `▲ ${t("unit_stale", ageText(unit.seen_ms, now.value))}`,
  ]
    .filter(Boolean)
    .join(" · ");
