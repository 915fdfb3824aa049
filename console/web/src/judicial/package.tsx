// The package: its name, size and digest, how to get it, how to check it, and which copies were given and signed for.
import type { JSX } from "preact";
import type { Delivery, Package, RequestPage } from "../api/judicial";
import { bytesText, grouped } from "../core/filing";
import { plain } from "../core/text";
import { Section, Tag } from "../frame/button";
import { personName } from "../state/directory";
import { isCustodian, localText } from "../state/judicial";
import { session } from "../state/session";
import { said, t } from "../words/words";
import { CopiesPart, copyName } from "./copies";
import { Zips } from "./zips";

export function PackagePart({ page }: { page: RequestPage }): JSX.Element {
  const found = page.package;
  const wanted = page.wanted ?? [];
  return (
    <Section title={t("package_title")}>
      {found ? <Facts found={found} /> : null}
      {found?.state === "ready" && found.name && mayDownload(page) ? <Download page={page} /> : null}
      <CopiesPart page={page} />
      {(page.deliveries ?? []).length ? <h4>{t("package_copies")}</h4> : null}
      <ul class="told">
        {(page.deliveries ?? []).map((one) => (
          <Copy key={`${one.recipient} ${one.at_ms}`} one={one} page={page} />
        ))}
      </ul>
      {wanted.length ? <p>{t("copy_wants", wanted.map(personName).join(", "))}</p> : null}
    </Section>
  );
}

/** Who asks gets what was delivered to them; the custodian has it before. */
const mayDownload = (page: RequestPage): boolean =>
  isCustodian.value || (page.deliveries ?? []).some((one) => one.recipient === session.value?.person_id);

function Facts({ found }: { found: Package }): JSX.Element {
  return (
    <>
      <p role="status">
        <Tag tone={found.state === "ready" ? "good" : found.state === "stopped" ? "bad" : ""}>
          {t(`package_${found.state}`)}
        </Tag>{" "}
        {found.progress ? said("package_phase", found.progress) : ""}{" "}
        {found.size_bytes && found.state !== "ready" ? bytesText(found.size_bytes) : ""}
      </p>
      {found.code && isCustodian.value ? (
        <p class="reason">
          <code>{plain(found.code, 80)}</code> {plain(found.cure, 500)}
        </p>
      ) : null}
      {found.name ? null : <p class="dim">{t("package_by_hand")}</p>}
      {found.digest ? (
        <dl class="clocks">
          {found.name ? (
            <div>
              <dt>{t("package_name")}</dt>
              <dd>
                <code>{plain(found.name, 200)}</code>
              </dd>
            </div>
          ) : null}
          {found.size_bytes ? (
            <div>
              <dt>{t("package_size")}</dt>
              <dd>{bytesText(found.size_bytes)}</dd>
            </div>
          ) : null}
          <div>
            <dt>{t("package_digest")}</dt>
            <dd>
              <code class="digest">{grouped(found.digest)}</code>
            </dd>
          </div>
        </dl>
      ) : null}
    </>
  );
}

function Download({ page }: { page: RequestPage }): JSX.Element {
  return (
    <div class="hand-over">
      <div class="row">
        <Zips
          href={`/api/v1/requests/${encodeURIComponent(page.line.id)}/package`}
          parts={page.package?.parts ?? 1}
          zips={page.package?.zips ?? []}
          words={t("package_download")}
        />
        <a class="button" href="/verificar.html" target="_blank" rel="noopener">
          {t("package_verify_open")}
        </a>
      </div>
      <p class="dim">{t("package_logged")}</p>
      <p>{t("package_verify")}</p>
      <p class="dim">{t("package_verify_why")}</p>
    </div>
  );
}

function Copy({ one, page }: { one: Delivery; page: RequestPage }): JSX.Element {
  const derived = (page.copies ?? []).find((each) => each.digest === one.digest);
  const name = one.recipient === session.value?.person_id ? t("copy_you") : personName(one.recipient);
  return (
    <li>
      {t("copy_given", name, plain(one.party, 80), localText(one.at_ms))}
      {derived ? ` · ${copyName(derived)}` : ""} ·{" "}
      {one.receipt_ms ? `✓ ${t("copy_signed", localText(one.receipt_ms))}` : t("copy_unsigned")}
    </li>
  );
}
