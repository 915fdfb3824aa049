// Copies made out of the sealed package, to look at or with persons veiled: how each stands, how to get it, how to order
// one. They are never the original, and every line says so.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { DerivedCopy, RequestPage } from "../api/judicial";
import { bytesText, grouped } from "../core/filing";
import { plain } from "../core/text";
import { Tag } from "../frame/button";
import { isCustodian } from "../state/judicial";
import { session } from "../state/session";
import { said, t } from "../words/words";
import { Zips } from "./zips";

export function CopiesPart({ page }: { page: RequestPage }): JSX.Element | null {
  const copies = page.copies ?? [];
  if (!copies.length) return null;
  return (
    <>
      <h4>{t("derived_title")}</h4>
      <p class="dim">{t("derived_why")}</p>
      <ul class="told">
        {copies.map((one) => (
          <Derived key={one.n} one={one} page={page} />
        ))}
      </ul>
    </>
  );
}

/** What it is, in words: kind, number, and whom a redacted one leaves unveiled. */
export const copyName = (one: DerivedCopy): string => `${t("derived_n", one.n)}: ${said("derived", one.kind)}`;

function Derived({ one, page }: { one: DerivedCopy; page: RequestPage }): JSX.Element {
  return (
    <li>
      <strong>{copyName(one)}</strong>{" "}
      <Tag tone={one.state === "ready" ? "good" : one.state === "stopped" ? "bad" : ""}>
        {t(`package_${one.state}`)}
      </Tag>{" "}
      {one.progress ? said("package_phase", one.progress) : ""} {one.size_bytes ? bytesText(one.size_bytes) : ""}
      {one.strict ? <div>{t("derived_is_strict")}</div> : null}
      {one.keep?.length ? <div>{t("derived_kept", one.keep.map((each) => plain(each, 200)).join(", "))}</div> : null}
      {one.state === "building" && one.pictures_of ? (
        <div>
          <progress value={one.pictures} max={one.pictures_of} aria-label={copyName(one)} />{" "}
          {t("derived_pictures", one.pictures ?? 0, one.pictures_of)}
        </div>
      ) : null}
      {one.code && isCustodian.value ? (
        <p class="reason">
          <code>{plain(one.code, 80)}</code> {plain(one.cure, 500)}
        </p>
      ) : null}
      {one.digest ? (
        <div>
          <code class="digest">{grouped(one.digest)}</code>
        </div>
      ) : null}
      {one.digest && one.state === "ready" && mayHave(one, page) ? (
        <Zips
          href={`/api/v1/requests/${encodeURIComponent(page.line.id)}/copies/${one.n}`}
          parts={one.parts ?? 1}
          zips={one.zips ?? []}
          words={t("derived_download")}
          label={`${t("derived_download")} ${one.n}`}
        />
      ) : null}
    </li>
  );
}

const mayHave = (one: DerivedCopy, page: RequestPage): boolean =>
  isCustodian.value ||
  (page.deliveries ?? []).some((each) => each.digest === one.digest && each.recipient === session.value?.person_id);

/** The order for a copy: which kind; of a redacted one whether all of a person is veiled, and who is not. */
export function CopyFields({ page }: { page: RequestPage }): JSX.Element {
  const [kind, setKind] = useState("view");
  const tables = (page.copies ?? []).filter((one) => one.kind === "redacted" && one.digest);
  return (
    <>
      <label>
        {t("derived_kind")}
        <select name="copy" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          <option value="view">{t("derived_view")}</option>
          <option value="redacted">{t("derived_redacted")}</option>
        </select>
      </label>
      <p class="dim">{kind === "view" ? t("derived_why_view") : t("derived_why_redacted")}</p>
      {kind === "redacted" ? (
        <>
          <label class="check">
            <input type="checkbox" name="is_strict" />
            {t("derived_strict")}
          </label>
          {tables.length ? (
            <>
              <label>
                {t("derived_after")}
                <select name="after">
                  <option value="">{t("derived_after_none")}</option>
                  {tables.map((one) => (
                    <option key={one.n} value={one.n}>
                      {copyName(one)}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                {t("derived_keep")}
                <input name="keep" class="code-like" maxLength={2000} autocomplete="off" spellcheck={false} />
              </label>
            </>
          ) : null}
        </>
      ) : null}
    </>
  );
}

/** The order as the console takes it. */
export function copyOrder(data: FormData): Record<string, unknown> {
  const text = (name: string): string => String(data.get(name) ?? "").trim();
  const keep = text("keep").split(/[\s,;]+/).filter(Boolean);
  if (text("copy") !== "redacted") return { copy: "view" };
  return {
    copy: "redacted",
    is_strict: data.get("is_strict") !== null,
    ...(keep.length || text("after") ? { keep, after: Number(text("after") || 0) } : {}),
  };
}
