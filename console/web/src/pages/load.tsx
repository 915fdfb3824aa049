// Load of the room: what each person holds, against what a person can hold. Over ten alerts in ten minutes are a flood
// (ISA 18.2), one in ten minutes is bearable (EEMUA 191); the console counts, this shows.
import type { JSX } from "preact";
import { ageText } from "../core/ages";
import { LEVELS, SHAPES } from "../core/marks";
import { mustShow } from "../core/queue";
import { useAsked } from "../frame/use_asked";
import { now } from "../state/clock";
import { rows } from "../state/desk";
import { personName } from "../state/directory";
import { isDrill } from "../state/session";
import { said, t } from "../words/words";
import { Page } from "./page";

interface Share {
  person: string | null;
  open: number;
  life_safety: number;
  oldest_ms: number | null;
}
interface Found {
  now_ms: number;
  shares: Share[];
  opened_10min: number;
  opened_60min: number;
  opened_24h: number;
  fine_24h: number;
  most_24h: number;
  by_level: Record<string, number>;
  busy: number;
  budget_10min: number;
  flood_10min: number;
  state: string;
}

const EVERY_MS = 10_000;

export function Load(): JSX.Element {
  const { value, problem } = useAsked<Found>("load", "", EVERY_MS);
  return (
    <Page title={t("page_load")} problem={problem}>
      {value ? <Figures found={value} /> : null}
      <table class="grid">
        <thead>
          <tr>
            <th>{t("person")}</th>
            <th>{t("holds")}</th>
            <th>{t("life_at_risk")}</th>
            <th>{t("oldest")}</th>
          </tr>
        </thead>
        <tbody>
          {(value?.shares ?? []).map((one) => (
            <ShareRow key={one.person ?? ""} one={one} />
          ))}
        </tbody>
      </table>
      <p class="dim">{t("load_why")}</p>
    </Page>
  );
}

function Figures({ found }: { found: Found }): JSX.Element {
  const untaken = rows.value.filter((row) => mustShow(row) && (isDrill.value || !row.drill)).length,
    seats = Math.max(1, found.busy),
    share = found.opened_10min / seats / found.flood_10min;
  return (
    <div class="figures">
      <p class={found.state === "flood" ? "figure bad" : "figure"}>
        <b>
          {found.state === "flood" ? "▲ " : ""}
          {said("load_state", found.state)}
        </b>
        <meter
          min={0}
          max={1}
          low={found.budget_10min / found.flood_10min}
          high={1}
          optimum={0}
          value={Math.min(1, share)}
          aria-label={t("budget")}
        />
      </p>
      <p class={untaken ? "figure bad" : "figure"}>
        <b>{untaken}</b>
        {t("untaken")}
      </p>
      <p class="figure">
        <b>{found.opened_10min}</b>
        {t("opened_10_min")}
      </p>
      <p class="figure">
        <b>{found.opened_60min}</b>
        {t("opened_60_min")}
      </p>
      <p class={found.opened_24h > found.most_24h * seats ? "figure bad" : "figure"}>
        <b>{found.opened_24h}</b>
        {t("opened_24_h", found.fine_24h * seats, found.most_24h * seats)}
      </p>
      {LEVELS.map((level) => (
        <p key={level} class="figure">
          <b>
            {SHAPES[level]} {found.by_level[level] ?? 0}
          </b>
          {level}
        </p>
      ))}
    </div>
  );
}

function ShareRow({ one }: { one: Share }): JSX.Element {
  return (
    <tr>
      <td>{one.person ? personName(one.person) : <b>{t("nobody")}</b>}</td>
      <td>{one.open}</td>
      <td>{one.life_safety}</td>
      <td>{one.oldest_ms ? ageText(one.oldest_ms, now.value) : "–"}</td>
    </tr>
  );
}
