// The ZIPs of a package: one link, or one for each part of a large one, and what to do with all of them.
import type { JSX } from "preact";
import { t } from "../words/words";

interface Given {
  href: string;
  parts: number;
  words: string;
  /** What a screen reader says of the one link; the words when it is left out. */
  label?: string;
}

export function Zips({ href, parts, words, label }: Given): JSX.Element {
  if (parts < 2)
    return (
      <a class={label ? "button" : "button main"} href={href} aria-label={label} download>
        {words}
      </a>
    );
  return (
    <div>
      <p>{t("package_parts", parts)}</p>
      <ul class="row">
        {Array.from({ length: parts }, (_, at) => at + 1).map((part) => (
          <li key={part}>
            <a class="button" href={`${href}?part=${part}`} aria-label={`${label ?? words} ${part}`} download>
              {t("package_part", part, parts)}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
