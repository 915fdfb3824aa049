// What the cameras saw that were asked to look at the place: who, how many, which way, from when to when, and who did not
// look and why. It explains an alert; "nobody seen" takes nothing from it.
import type { JSX } from "preact";
import type { NearCamera, Watching } from "../api/alert_page";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { now } from "../state/clock";
import { lang, said, t } from "../words/words";

/** After its end a look has this long for its last answer. */
const LAST_WORD_MS = 15_000;

export function Looks({ looks, cameras }: { looks: Watching[]; cameras: NearCamera[] }): JSX.Element | null {
  if (!looks.length) return null;
  const names = new Map(cameras.map((camera) => [camera.id, camera.name]));
  return (
    <Section title={t("looks")}>
      <ul class="looks">
        {looks.map((look) => (
          <li key={`${look.camera} ${look.asked_ms}`} class={look.state}>
            {look.camera ? (
              <>
                <b>{plain(names.get(look.camera) ?? look.camera, 60)}</b>
                <State look={look} />
              </>
            ) : null}
            <span class="said">{plain(lang.value === "es" ? look.text_es : look.text_en, 300)}</span>
            <Span look={look} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function State({ look }: { look: Watching }): JSX.Element {
  const isOver = now.value > look.until_ms + LAST_WORD_MS;
  const state = isOver && (look.state === "asked" || look.state === "watching") ? "unfinished" : look.state;
  const tone = state === "watching" ? "good" : state === "not_watched" || state === "unfinished" ? "bad" : "";
  return <Tag tone={tone}>{said("look", state)}</Tag>;
}

/** From when to when it looked; when it looked at nothing, nothing. */
function Span({ look }: { look: Watching }): JSX.Element | null {
  if (look.from_ms == null || look.to_ms == null) return null;
  const [from, to] = [look.from_ms, look.to_ms].map((atMs) => timeText(atMs, now.value, lang.value));
  return (
    <time>
      {from}–{to}
    </time>
  );
}
