// From when to when, as a wall clock there shows it: what each time means is said beside it, with its offset and in
// UTC. Of an hour that came twice both readings are shown, and one is chosen by hand.
import { useId, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Interval } from "../core/filing";
import { readingsOf, rfc3339Of, utcText, type Reading } from "../core/zoned";
import { now } from "../state/clock";
import { localText, zone } from "../state/judicial";
import { t } from "../words/words";

/** One interval as it is being written; `since`, `until`: null while a time is not complete or not understood. */
export interface Draft {
  id: number;
  since: Reading | null;
  until: Reading | null;
}

export const isReversed = ({ since, until }: Draft): boolean =>
  since !== null && until !== null && until.atMs <= since.atMs;
const isWhole = (draft: Draft): draft is Draft & Interval =>
  draft.since !== null && draft.until !== null && !isReversed(draft);

/** The intervals, when each is complete and in order. */
export function intervalsOf(drafts: readonly Draft[]): Interval[] | null {
  const whole = drafts.filter(isWhole);
  return whole.length === drafts.length ? whole : null;
}

let counter = 0;
export const newDraft = (): Draft => ({ id: (counter += 1), since: null, until: null });

export function Intervals({ drafts, onChange }: { drafts: Draft[]; onChange: (drafts: Draft[]) => void }): JSX.Element {
  return (
    <fieldset>
      <legend>{t("filing_when")}</legend>
      {drafts.map((draft, n) => (
        <div key={draft.id} class="interval">
          <IntervalFields
            title={drafts.length > 1 ? t("interval_n", n + 1) : t("interval")}
            draft={draft}
            onChange={(next) => onChange(drafts.map((one) => (one.id === next.id ? next : one)))}
          />
          {drafts.length > 1 ? (
            <button type="button" class="small" onClick={() => onChange(drafts.filter((one) => one.id !== draft.id))}>
              {t("interval_drop")}
            </button>
          ) : null}
        </div>
      ))}
      <button type="button" class="button" onClick={() => onChange([...drafts, newDraft()])}>
        {t("interval_add")}
      </button>
    </fieldset>
  );
}

export function IntervalFields({
  title,
  draft,
  onChange,
}: {
  title: string;
  draft: Draft;
  onChange: (draft: Draft) => void;
}): JSX.Element {
  return (
    <div role="group" aria-label={title} class="row top">
      <Instant label={t("interval_since", zone.value)} name="since" onTake={(since) => onChange({ ...draft, since })} />
      <Instant label={t("interval_until", zone.value)} name="until" onTake={(until) => onChange({ ...draft, until })} />
      {isReversed(draft) ? (
        <p class="banner bad" role="alert">
          ✕ {t("interval_reversed")}
        </p>
      ) : null}
      {draft.until && !isReversed(draft) && draft.until.atMs > now.value ? (
        <p class="banner warn" role="status">
          ▲ {t("interval_future")}
        </p>
      ) : null}
    </div>
  );
}

function Instant({
  label,
  name,
  onTake,
}: {
  label: string;
  name: string;
  onTake: (reading: Reading | null) => void;
}): JSX.Element {
  const [local, setLocal] = useState("");
  const [picked, setPicked] = useState(-1);
  const said = useId();
  const readings = readingsOf(local, zone.value);
  const write = (text: string): void => {
    const [only, ...others] = readingsOf(text, zone.value);
    setLocal(text);
    setPicked(-1);
    onTake(only && !others.length ? only : null);
  };
  return (
    <div class="instant">
      <label>
        {label}
        <input
          type="datetime-local"
          step="1"
          name={name}
          required
          max="9999-12-31T23:59:59"
          aria-describedby={said}
          onInput={(event) => write(event.currentTarget.value)}
        />
      </label>
      <div id={said} aria-live="polite" class="fine">
        {readings.length === 1 && readings[0] ? meaning(readings[0]) : null}
        {local && !readings.length ? <span class="bad">✕ {t("interval_never")}</span> : null}
      </div>
      {readings.length > 1 ? (
        <fieldset class="twice">
          <legend>{t("interval_twice")}</legend>
          {readings.map((one, n) => (
            <label key={one.atMs} class="check">
              <input
                type="radio"
                name={`${said}-reading`}
                checked={picked === n}
                onChange={() => {
                  setPicked(n);
                  onTake(one);
                }}
              />
              {meaning(one)}
            </label>
          ))}
        </fieldset>
      ) : null}
    </div>
  );
}

const meaning = (one: Reading): JSX.Element => (
  <span>
    {t("interval_means", localText(one.atMs), utcText(one.atMs))} <code>{rfc3339Of(one)}</code>
  </span>
);
