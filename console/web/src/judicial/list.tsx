// Requests in a list: an asker's own, or the custodian's queue and all. Each is a link that leads to its page.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { RequestLine } from "../api/judicial";
import { plain } from "../core/text";
import { useAsked } from "../frame/use_asked";
import { problemText } from "../state/problem_text";
import { isCustodian, jurisdiction, localText, saying } from "../state/judicial";
import { toPortal } from "../state/route";
import { t } from "../words/words";
import { Clocks, Reason, State } from "./clocks";

/** Reading is written down, so nothing is read again unless somebody asks for it. */
export function RequestList(): JSX.Element {
  const [isQueue, setQueue] = useState(isCustodian.value);
  const { value, problem, again } = useAsked<RequestLine[]>(isQueue ? "requests/queue" : "requests", isQueue ? 1 : 0);
  const lines = value ?? [],
    name = isQueue ? "portal_queue" : isCustodian.value ? "portal_all" : "portal_mine";
  return (
    <section class="section" aria-label={t(name)}>
      <div class="row between">
        {isCustodian.value ? (
          <div role="group" aria-label={t("portal_parts")} class="row">
            <button type="button" class="tab" aria-pressed={isQueue} onClick={() => setQueue(true)}>
              {t("portal_queue")}
            </button>
            <button type="button" class="tab" aria-pressed={!isQueue} onClick={() => setQueue(false)}>
              {t("portal_all")}
            </button>
          </div>
        ) : (
          <h3>{t("portal_mine")}</h3>
        )}
        <button type="button" class="small" onClick={again}>
          {t("portal_read_again")}
        </button>
      </div>
      <p class="dim">{t(isCustodian.value ? "portal_queue_why" : "portal_why")}</p>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
      {isCustodian.value ? <Lacks /> : null}
      {value && !lines.length ? <p class="calm">{t(isQueue ? "portal_queue_none" : "portal_none")}</p> : null}
      <ul class="requests">
        {lines.map((line) => (
          <Line key={line.id} line={line} />
        ))}
      </ul>
    </section>
  );
}

/** What the calendar of the deadlines does not know, for who can enter it. */
function Lacks(): JSX.Element | null {
  const lacks = Object.values(jurisdiction.value?.calendar ?? {}).flatMap((one) => one.lacks ?? []);
  if (!lacks.length) return null;
  return (
    <details class="lacks">
      <summary>▲ {t("calendar_lacks", lacks.length)}</summary>
      <p>{t("calendar_lacks_why")}</p>
      <ul>
        {lacks.map((one) => (
          <li key={one.es}>{saying(one)}</li>
        ))}
      </ul>
    </details>
  );
}

function Line({ line }: { line: RequestLine }): JSX.Element {
  const go = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    toPortal(line.id);
  };
  return (
    <li>
      <div class="row between">
        <a href={`/console/portal/${line.id}`} onClick={go}>
          {t("request_title", plain(line.case, 120))}
        </a>
        <State line={line} />
      </div>
      <p class="dim">
        {[plain(line.office, 120), line.authority, t("request_items", line.items)].filter(Boolean).join(" · ")}
        {" · "}
        {t("request_received")} {localText(line.received_ms)}
      </p>
      <Clocks line={line} />
      {(line.reasons ?? []).map((reason) => (
        <Reason key={reason.code} reason={reason} />
      ))}
    </li>
  );
}
