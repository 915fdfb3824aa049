// The supervisor's part of the duty page: a team's shifts, deputies and covers, written one team at a time.
import { useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import { ask } from "../api/http";
import { bodyOf, changed, DAYS, lackOf, NEW_SHIFT, teamId, type Cover, type Shift, type Turn, type Written } from "../core/duty";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { tell } from "../state/acts";
import { problemText } from "../state/problem_text";
import { said, t } from "../words/words";
import type { Colleague } from "./duty";

interface Directory {
  zone: string;
  teams: Written[];
  people: Colleague[];
}

const NOBODY: Written = { team: { id: "", name_es: "", name_en: "", shift: [], cover: [] }, is_fallback: false };

export function DutyTeams({ again }: { again: () => void }): JSX.Element {
  const { value, again: reload } = useAsked<Directory>("duty/teams");
  const [open, setOpen] = useState<Written | null>(null);
  const done = (): void => {
    setOpen(null);
    reload();
    again();
  };
  return (
    <section class="section">
      <h3>{t("duty_write")}</h3>
      <p class="dim">{t("duty_write_why", value?.zone ?? "")}</p>
      <div class="row">
        {(value?.teams ?? []).map((one) => (
          <button key={one.team.id} type="button" class="button" onClick={() => setOpen(one)}>
            {plain(one.team.name_es, 40)}
          </button>
        ))}
        <button type="button" class="button" onClick={() => setOpen(NOBODY)}>
          + {t("duty_new_team")}
        </button>
      </div>
      {open && value ? <TeamForm key={open.team.id} given={open} directory={value} done={done} /> : null}
    </section>
  );
}

function TeamForm({ given, directory, done }: { given: Written; directory: Directory; done: () => void }): JSX.Element {
  const [draft, setDraft] = useState<Written>(given);
  const team = draft.team,
    isNew = given === NOBODY;
  const change = (part: Partial<Written["team"]>): void => setDraft({ ...draft, team: { ...team, ...part } });
  const lack = lackOf(draft);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const answer = await ask("PUT", `duty/teams/${encodeURIComponent(team.id)}`, { body: bodyOf(draft) });
    tell(answer.ok ? t("duty_written") : problemText(answer.problem), answer.ok ? "good" : "bad");
    if (answer.ok) done();
  };
  const remove = async (): Promise<void> => {
    const answer = await ask("DELETE", `duty/teams/${encodeURIComponent(team.id)}`);
    tell(answer.ok ? t("duty_written") : problemText(answer.problem), answer.ok ? "good" : "bad");
    if (answer.ok) done();
  };
  return (
    <form class="hand-over" onSubmit={(event) => void send(event)}>
      <div class="row">
        <Text label={t("duty_id")} value={team.id} off={!isNew} onText={(text) => change({ id: teamId(text) })} />
        <Text label={t("duty_name_es")} value={team.name_es} onText={(name_es) => change({ name_es })} />
        <Text label={t("duty_name_en")} value={team.name_en} onText={(name_en) => change({ name_en })} />
        <Check label={t("duty_sealed")} on={Boolean(team.sealed)} onTick={(sealed) => change({ sealed })} />
        <Check label={t("duty_fallback")} on={draft.is_fallback} onTick={(is_fallback) => setDraft({ ...draft, is_fallback })} />
        <label>
          {t("duty_otherwise")}
          <select value={team.otherwise ?? ""} onChange={(event) => change({ otherwise: event.currentTarget.value })}>
            <option value="">–</option>
            {directory.teams
              .filter((one) => one.team.id !== team.id)
              .map((one) => (
                <option key={one.team.id} value={one.team.id}>
                  {plain(one.team.name_es, 40)}
                </option>
              ))}
          </select>
        </label>
      </div>
      <h4>{t("duty_shifts")}</h4>
      {(team.shift ?? []).map((one, at) => (
        <ShiftRow
          key={at}
          one={one}
          people={directory.people}
          onChange={(into) => change({ shift: changed(team.shift ?? [], at, into) })}
        />
      ))}
      <button type="button" class="small" onClick={() => change({ shift: [...(team.shift ?? []), { ...NEW_SHIFT }] })}>
        + {t("duty_add_shift")}
      </button>
      <h4>{t("duty_covers")}</h4>
      {(team.cover ?? []).map((one, at) => (
        <CoverRow
          key={at}
          one={one}
          people={directory.people}
          onChange={(into) => change({ cover: changed(team.cover ?? [], at, into) })}
        />
      ))}
      <button
        type="button"
        class="small"
        onClick={() => change({ cover: [...(team.cover ?? []), { starts: "", ends: "", people: [], deputies: [] }] })}
      >
        + {t("duty_add_cover")}
      </button>
      {lack ? <p class="dim">{said("duty_lacks", lack)}</p> : null}
      <div class="row end">
        {isNew ? null : (
          <button type="button" class="button" onClick={() => void remove()}>
            {t("duty_remove")}
          </button>
        )}
        <button type="button" class="button" onClick={done}>
          {t("cancel")}
        </button>
        <button type="submit" class="button main" disabled={lack !== null}>
          {t("duty_save")}
        </button>
      </div>
    </form>
  );
}

interface RowProps<T> {
  one: T;
  people: Colleague[];
  onChange: (into: T | null) => void;
}

function ShiftRow({ one, people, onChange }: RowProps<Shift>): JSX.Element {
  const days = one.days ?? [...DAYS];
  return (
    <TurnRow one={one} people={people} onChange={onChange}>
      <fieldset class="days">
        <legend>{t("duty_days")}</legend>
        {DAYS.map((day) => (
          <Check
            key={day}
            label={said("day", day)}
            on={days.includes(day)}
            onTick={(isOn) => onChange({ ...one, days: DAYS.filter((each) => (each === day ? isOn : days.includes(each))) })}
          />
        ))}
      </fieldset>
      <Text type="time" label={t("since_head")} value={one.starts} onText={(starts) => onChange({ ...one, starts })} />
      <Text type="time" label={t("until_head")} value={one.ends} onText={(ends) => onChange({ ...one, ends })} />
    </TurnRow>
  );
}

function CoverRow({ one, people, onChange }: RowProps<Cover>): JSX.Element {
  return (
    <TurnRow one={one} people={people} onChange={onChange}>
      <Text
        type="datetime-local"
        label={t("since_head")}
        value={one.starts.slice(0, 16)}
        onText={(starts) => onChange({ ...one, starts })}
      />
      <Text
        type="datetime-local"
        label={t("until_head")}
        value={one.ends.slice(0, 16)}
        onText={(ends) => onChange({ ...one, ends })}
      />
      <Text label={t("reason_must")} value={one.reason ?? ""} onText={(reason) => onChange({ ...one, reason })} />
    </TurnRow>
  );
}

function TurnRow<T extends Turn>({ one, people, onChange, children }: RowProps<T> & { children: ComponentChildren }): JSX.Element {
  return (
    <div class="row turn">
      {children}
      <Several label={t("duty_people")} value={one.people} from={people} onPick={(picked) => onChange({ ...one, people: picked })} />
      <Several
        label={t("duty_deputies")}
        value={one.deputies ?? []}
        from={people}
        onPick={(deputies) => onChange({ ...one, deputies })}
      />
      <button type="button" class="small" onClick={() => onChange(null)} aria-label={t("duty_drop_turn")}>
        ×
      </button>
    </div>
  );
}

interface SeveralProps {
  label: string;
  value: string[];
  from: Colleague[];
  onPick: (picked: string[]) => void;
}

function Several({ label, value, from, onPick }: SeveralProps): JSX.Element {
  return (
    <label>
      {label}
      <select
        multiple
        size={3}
        onChange={(event) => onPick([...event.currentTarget.selectedOptions].map((one) => one.value))}
      >
        {from.map((one) => (
          <option key={one.login} value={one.login} selected={value.includes(one.login)}>
            {plain(one.name, 60)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TextProps {
  label: string;
  value: string;
  onText: (text: string) => void;
  type?: "text" | "time" | "datetime-local";
  off?: boolean;
}

function Text({ label, value, onText, type = "text", off = false }: TextProps): JSX.Element {
  const take = (event: { currentTarget: HTMLInputElement }): void => onText(event.currentTarget.value);
  return (
    <label>
      {label}
      {type === "text" ? (
        <input value={value} maxLength={80} disabled={off} autocomplete="off" onChange={take} />
      ) : (
        <input type={type} value={value} disabled={off} onChange={take} />
      )}
    </label>
  );
}

function Check({ label, on, onTick }: { label: string; on: boolean; onTick: (isOn: boolean) => void }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(event) => onTick(event.currentTarget.checked)} />
      {label}
    </label>
  );
}
