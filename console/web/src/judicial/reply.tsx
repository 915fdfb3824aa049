// The answer to what was asked back: of each item one of its readings, or how it is written now.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { ItemPage, RequestPage } from "../api/judicial";
import { itemsOf, type Item } from "../core/filing";
import { plain } from "../core/text";
import { askable, authorities, localText } from "../state/judicial";
import { both, t } from "../words/words";
import { intervalsOf, IntervalFields, newDraft, type Draft } from "./intervals";

interface Change {
  item: number;
  reading?: number;
  written?: Item;
}
type Changes = ReadonlyMap<number, Change>;
type Take = (item: number, change: Change | null) => void;

export function ReplyForm({ page, onSend }: { page: RequestPage; onSend: (body: object) => void }): JSX.Element {
  const [changes, setChanges] = useState<Changes>(new Map());
  const [lacks, setLacks] = useState(false);
  const asked = page.items.filter((item) => item.asked_back);
  const take: Take = (item, change) =>
    setChanges((before) => {
      const next = new Map(before);
      if (change) next.set(item, change);
      else next.delete(item);
      return next;
    });
  const submit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const isWhole = asked.every((item) => changes.has(item.n));
    setLacks(!isWhole);
    if (!isWhole) return;
    const authority = String(data.get("authority") ?? "");
    onSend({
      changes: [...changes.values()],
      words: String(data.get("words") ?? "").trim(),
      ...(authority ? { authority } : {}),
    });
  };
  return (
    <form class="hand-over" onSubmit={submit}>
      <h4>{t("reply_title")}</h4>
      {asked.map((item) => (
        <ItemReply key={item.n} item={item} take={take} />
      ))}
      {page.asked_back.some((one) => one.code === "authority_unknown") ? <AuthorityReply /> : null}
      <label>
        {t("reply_words")}
        <textarea name="words" maxLength={2000} rows={2} />
      </label>
      {lacks ? (
        <p class="banner bad" role="alert">
          ✕ {t("reply_lacks")}
        </p>
      ) : null}
      <div class="row end">
        <button type="submit" class="button main">
          {t("reply_send")}
        </button>
      </div>
    </form>
  );
}

function AuthorityReply(): JSX.Element {
  return (
    <label>
      {t("request_authority")}
      <select name="authority" required>
        <option value="">{t("choose")}</option>
        {authorities.value.map(([code, one]) => (
          <option key={code} value={code}>
            {both(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

function ItemReply({ item, take }: { item: ItemPage; take: Take }): JSX.Element {
  const [isAnew, setAnew] = useState(false);
  const name = `reply-${item.n}`;
  return (
    <fieldset>
      <legend>
        {t("item_n", item.n + 1)} · {plain(item.camera, 64)}
      </legend>
      {item.readings.map((one, n) => (
        <label key={one.since} class="check">
          <input
            type="radio"
            name={name}
            onChange={() => {
              setAnew(false);
              take(item.n, { item: item.n, reading: n });
            }}
          />
          {t("reply_reading", localText(one.since), localText(one.until))}
        </label>
      ))}
      <label class="check">
        <input
          type="radio"
          name={name}
          onChange={() => {
            setAnew(true);
            take(item.n, null);
          }}
        />
        {t("reply_anew")}
      </label>
      {isAnew ? <Anew item={item} take={take} /> : null}
    </fieldset>
  );
}

function Anew({ item, take }: { item: ItemPage; take: Take }): JSX.Element {
  const [draft, setDraft] = useState<Draft>(newDraft);
  const [camera, setCamera] = useState(item.camera);
  const write = (next: Draft, id: string): void => {
    setDraft(next);
    setCamera(id);
    const [written] = itemsOf([id], intervalsOf([next]) ?? []);
    take(item.n, written ? { item: item.n, written } : null);
  };
  const cameras = askable.value ?? [],
    isKnown = cameras.some((one) => one.id === item.camera);
  return (
    <>
      <label>
        {t("reply_camera")}
        <select value={camera} onChange={(event) => write(draft, event.currentTarget.value)}>
          {isKnown ? null : <option value={item.camera}>{plain(item.camera, 64)}</option>}
          {cameras.map((one) => (
            <option key={one.id} value={one.id}>
              {plain(one.name, 80)}
            </option>
          ))}
        </select>
      </label>
      <IntervalFields title={t("item_n", item.n + 1)} draft={draft} onChange={(next) => write(next, camera)} />
    </>
  );
}
