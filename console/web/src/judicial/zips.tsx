// The ZIPs of a package: one link, or one for each part of a large one, and what to do with all of them.
import type { JSX } from "preact";
import type { Zip } from "../api/judicial";
import { bytesText, grouped } from "../core/filing";
import { plain } from "../core/text";
import { t } from "../words/words";

interface Given {
  href: string;
  parts: number;
  zips: Zip[];
  words: string;
  /** What a screen reader says of the one link; the words when it is left out. */
  label?: string;
}

export function Zips({ href, parts, zips, words, label }: Given): JSX.Element {
  if (parts < 2)
    return (
      <a class={label ? "button" : "button main"} href={href} aria-label={label} download>
        {words}
      </a>
    );
  return (
    <div>
      <p>{t("package_parts", parts)}</p>
      <ol class="zips">
        {Array.from({ length: parts }, (_, at) => at + 1).map((part) => (
          <li key={part}>
            {zips[part - 1]?.size_bytes === 0 ? (
              <span>{t("package_part", part, parts)}</span>
            ) : (
              <a class="button" href={`${href}?part=${part}`} aria-label={named(part, parts, label ?? words)} download>
                {t("package_part", part, parts)}
              </a>
            )}{" "}
            <Told zip={zips[part - 1]} />
          </li>
        ))}
      </ol>
      <p class="dim">{t("package_parts_receipt")}</p>
    </div>
  );
}

/** What is read out begins with what is seen (WCAG 2.5.3). */
const named = (part: number, parts: number, words: string): string => `${t("package_part", part, parts)} · ${words}`;

/** How large it is, and the digest that shows whether it came whole. */
function Told({ zip }: { zip: Zip | undefined }): JSX.Element | null {
  if (!zip) return null;
  return (
    <span>
      {zip.size_bytes ? bytesText(zip.size_bytes) : t("package_part_away")} · <code>{plain(zip.name, 200)}</code>
      {zip.size_bytes ? <Digest zip={zip} /> : null}
    </span>
  );
}

function Digest({ zip }: { zip: Zip }): JSX.Element {
  return (
    <>
      <br />
      {zip.sha256 ? <code class="digest small">{grouped(zip.sha256)}</code> : <span class="dim">{t("package_part_new")}</span>}
    </>
  );
}
