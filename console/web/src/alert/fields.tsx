// The fields of acts.
import type { ComponentChildren, JSX } from "preact";
import type { Row } from "../api/shapes";
import { DISPOSITIONS } from "../api/tables";
import { SHAPES } from "../core/marks";
import { nearest } from "../core/units";
import { nameOf, whereOf } from "../queue/row";
import { districts } from "../state/city";
import { now } from "../state/clock";
import { session } from "../state/session";
import { queue, rows } from "../state/desk";
import { agencies, agencyName, people, types } from "../state/directory";
import { awayText, units } from "../state/units";
import { headed, lang, said, t } from "../words/words";
import type { OpenAct } from "./act_dialog";
import type { Field } from "./acts_table";

const MINUTES = [15, 30, 60, 120, 240, 480] as const;
const NOTE_MAX = 500;

interface FieldProps {
  field: Field;
  open: OpenAct;
  isFirst: boolean;
}

export function FieldOf({ field, open, isFirst }: FieldProps): JSX.Element {
  switch (field) {
    case "reason":
    case "reason_must":
      return <Reason must={field === "reason_must"} isFirst={isFirst} isWithheld={open.row.silent ?? false} />;
    case "disposition":
      return <Dispositions />;
    case "agency":
      return <Agencies />;
    case "unit":
      return <UnitField row={open.row} />;
    case "assignee":
      return <Assignee isFirst={isFirst} />;
    case "until":
      return <Until />;
    case "targets":
      return <Targets row={open.row} />;
    case "absorbed":
      return <Absorbed ids={open.absorbed} />;
    case "type":
      return <Types isFirst={isFirst} />;
    case "place":
      return <PlaceFields row={open.row} />;
    case "level":
    case "step":
      return <></>;
  }
}

interface ReasonProps {
  must: boolean;
  isFirst: boolean;
  isWithheld?: boolean;
}

export function Reason({ must, isFirst, isWithheld = false }: ReasonProps): JSX.Element {
  return (
    <label>
      {must ? t("reason_must") : t("reason")}
      {isWithheld ? <small>{t("reason_withheld")}</small> : null}
      <textarea name="reason" rows={3} maxLength={NOTE_MAX} required={must} autofocus={isFirst} />
    </label>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  );
}

function Dispositions(): JSX.Element {
  return (
    <Group title={t("disposition")}>
      {DISPOSITIONS.map((one, at) => (
        <label key={one} class="check">
          <input type="radio" name="disposition" value={one} required autofocus={at === 0} />
          {headed(said("disposition", one))}
        </label>
      ))}
    </Group>
  );
}

function Agencies(): JSX.Element {
  return (
    <Group title={t("agency")}>
      {agencies.value.map((one, at) => (
        <label key={one.id} class="check">
          <input type="radio" name="agency" value={one.id} autofocus={at === 0} />
          {agencyName(one.id)}
          <small>{said("competence", one.government)}</small>
        </label>
      ))}
    </Group>
  );
}

const OFFERED = 12;

/** By name, or out of those that say where they are, the nearest first. */
function UnitField({ row }: { row: Row }): JSX.Element {
  const offered = nearest(units.value, row, now.value).slice(0, OFFERED);
  return (
    <label>
      {t("unit")}
      <input name="unit" maxLength={60} autocomplete="off" list="units-near" />
      <datalist id="units-near">
        {offered.map((near) => (
          <option key={near.unit.id} value={near.unit.name}>
            {[agencyName(near.unit.agency), awayText(near)].filter(Boolean).join(" · ")}
          </option>
        ))}
      </datalist>
    </label>
  );
}

function Assignee({ isFirst }: { isFirst: boolean }): JSX.Element {
  return (
    <label>
      {t("assignee")}
      <select name="assignee" required autofocus={isFirst}>
        <Colleagues />
      </select>
    </label>
  );
}

/** Who is in the room; oneself first. */
export function Colleagues({ isOthers = false }: { isOthers?: boolean }): JSX.Element {
  const mine = session.value?.person_id ?? "";
  return (
    <>
      {mine && !isOthers ? <option value={mine}>{session.value?.name}</option> : null}
      {people.value
        .filter((one) => one.id !== mine)
        .map((one) => (
          <option key={one.id} value={one.id}>
            {one.name}
            {one.post ? ` · ${one.post}` : ""}
          </option>
        ))}
    </>
  );
}

function Until(): JSX.Element {
  return (
    <Group title={t("until")}>
      {MINUTES.map((one, at) => (
        <label key={one} class="check">
          <input type="radio" name="for_min" value={one} defaultChecked={at === 1} autofocus={at === 0} />
          {one < 60 ? t("minutes_n", one) : t("hours_n", one / 60)}
        </label>
      ))}
    </Group>
  );
}

const NEAR_MAX = 30;

/** Others that may be the same incident: same merge class, the nearest first. */
function candidates(row: Row): Row[] {
  const far = (other: Row): number =>
    row.lat != null && row.lon != null && other.lat != null && other.lon != null
      ? Math.hypot(row.lat - other.lat, (row.lon - other.lon) * Math.cos((row.lat * Math.PI) / 180))
      : other.district === row.district
        ? 1
        : 2;
  return rows.value
    .filter((other) => other.id !== row.id && Boolean(other.drill) === Boolean(row.drill))
    .map((other) => ({ other, far: far(other) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, NEAR_MAX)
    .map((one) => one.other);
}

function Targets({ row }: { row: Row }): JSX.Element {
  return (
    <Group title={t("targets")}>
      <div class="choices">
        {candidates(row).map((other) => (
          <label key={other.id} class="check">
            <input type="checkbox" name="target_ids" value={other.id} />
            {SHAPES[other.level]} {other.level} {nameOf(other)} · {whereOf(other)}
          </label>
        ))}
      </div>
    </Group>
  );
}

function Absorbed({ ids }: { ids: string[] }): JSX.Element {
  if (!ids.length) return <p>{t("unmerge_itself")}</p>;
  return (
    <Group title={t("absorbed")}>
      {ids.map((id) => {
        const row = queue.rows.get(id);
        return (
          <label key={id} class="check">
            <input type="checkbox" name="target_ids" value={id} defaultChecked={ids.length === 1} />
            {row ? nameOf(row) : id}
          </label>
        );
      })}
    </Group>
  );
}

function Types({ isFirst }: { isFirst: boolean }): JSX.Element {
  return (
    <label>
      {t("new_type")}
      <select name="type" required autofocus={isFirst}>
        <option value="">{t("choose")}</option>
        {types.value.map((one) => (
          <option key={one.code} value={one.code}>
            {lang.value === "es" ? one.es : one.en}
          </option>
        ))}
      </select>
    </label>
  );
}

export function PlaceFields({ row }: { row: Row | null }): JSX.Element {
  return (
    <Group title={t("place")}>
      <label>
        {t("place_text")}
        <input name="place_text" maxLength={200} autofocus />
      </label>
      <label>
        {t("district")}
        <select name="district" defaultValue={row?.district ?? ""}>
          <option value="">{t("choose")}</option>
          {[...districts.value].map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div class="row">
        <label>
          {t("lat")}
          <input name="lat" inputMode="decimal" pattern="-?[0-9]{1,2}([.,][0-9]+)?" defaultValue={row?.lat ?? ""} />
        </label>
        <label>
          {t("lon")}
          <input name="lon" inputMode="decimal" pattern="-?[0-9]{1,3}([.,][0-9]+)?" defaultValue={row?.lon ?? ""} />
        </label>
      </div>
    </Group>
  );
}
