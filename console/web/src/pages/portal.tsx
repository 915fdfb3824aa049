// Judicial requests: the portal of who asks (prosecution, defence) and the desk of who keeps (custodian). One page with
// parts, each at an address of its own.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import type { RequestPage } from "../api/judicial";
import { RequestList } from "../judicial/list";
import { NewRequest } from "../judicial/new_request";
import { Report } from "../judicial/report";
import { OneRequest } from "../judicial/request_page";
import { askJudicial, isCustodian } from "../state/judicial";
import { route, toPortal } from "../state/route";
import { may } from "../state/session";
import { t } from "../words/words";

const NEW = "new",
  REPORT = "report";

export function Portal(): JSX.Element {
  const [filed, setFiled] = useState<RequestPage | null>(null);
  const head = useRef<HTMLHeadingElement>(null);
  const item = route.value.page === "portal" ? route.value.item : null;
  useEffect(() => void askJudicial(), []);
  useEffect(() => head.current?.focus(), [item]);
  const onFiled = (page: RequestPage): void => {
    setFiled(page);
    toPortal(page.line.id);
  };
  return (
    <main class="page portal">
      <div class="row between">
        <h2 ref={head} tabIndex={-1}>
          {t("page_portal")}
        </h2>
        <Parts item={item} />
      </div>
      {item === null ? (
        <RequestList />
      ) : item === NEW ? (
        <NewRequest onFiled={onFiled} />
      ) : item === REPORT ? (
        <Report />
      ) : (
        <OneRequest key={item} id={item} filed={filed} />
      )}
    </main>
  );
}

function Parts({ item }: { item: string | null }): JSX.Element {
  return (
    <nav aria-label={t("portal_parts")} class="row">
      <Part to={null} here={item}>
        {isCustodian.value ? t("portal_queue") : t("portal_mine")}
      </Part>
      <Part to={NEW} here={item}>
        {isCustodian.value ? t("portal_paper") : t("portal_new")}
      </Part>
      {may("requests.report") ? (
        <Part to={REPORT} here={item}>
          {t("portal_report")}
        </Part>
      ) : null}
      <a class="tab" href="/verificar.html" target="_blank" rel="noopener">
        {t("portal_verify")}
      </a>
      <a class="tab" href="/transparencia" target="_blank" rel="noopener">
        {t("portal_public")}
      </a>
    </nav>
  );
}

function Part({ to, here, children }: { to: string | null; here: string | null; children: ComponentChildren }): JSX.Element {
  return (
    <button type="button" class="tab" aria-current={to === here ? "page" : undefined} onClick={() => toPortal(to)}>
      {children}
    </button>
  );
}
