// Sources that are silent or fail weigh as much as alerts. Reserved devices are a number and a district.
import type { JSX } from "preact";
import { ageText } from "../core/ages";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { districtName } from "../state/city";
import { now } from "../state/clock";
import { problemText } from "../state/problem_text";
import { said, t } from "../words/words";

interface Spot {
  reserved: boolean;
  district: string;
  devices: number;
  subject?: string;
  source?: string;
  health?: string;
  detail?: string;
  since_ms?: number | null;
}

const EVERY_MS = 15_000;
const SHOWN = 8;

export function BlindSpots(): JSX.Element {
  const { value, problem } = useAsked<Spot[]>("blind-spots", "", EVERY_MS);
  const spots = value ?? [];
  return (
    <section class="panel blind" aria-label={t("blind")}>
      <h2>
        {t("blind")} ({spots.length})
      </h2>
      {problem ? <p class="dim">{problemText(problem)}</p> : null}
      {!problem && value && !spots.length ? <p class="calm">✓ {t("blind_none")}</p> : null}
      <ul>
        {spots.slice(0, SHOWN).map((spot, at) => (
          <li key={at}>▲ {textOf(spot)}</li>
        ))}
      </ul>
      {spots.length > SHOWN ? <p class="dim">{t("lines_more", spots.length - SHOWN)}</p> : null}
    </section>
  );
}

function textOf(spot: Spot): string {
  const where = districtName(spot.district);
  if (spot.reserved) return t("blind_reserved", spot.devices, where);
  const age = spot.since_ms ? ageText(spot.since_ms, now.value) : "";
  return [plain(spot.subject || spot.source || "", 60), said("health", spot.health ?? ""), where, age]
    .filter(Boolean)
    .join(" · ");
}
