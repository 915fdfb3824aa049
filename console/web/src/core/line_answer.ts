// Of a line that was taken in part: who has the others, in one sentence.

interface Left {
  es: string;
  en: string;
  first?: { who: string } | null;
}

const SHOWN = 4;

/** `Ana Gómez 3, Eva Ruiz 1`; of those that nobody has, why. */
export function notTakenText(left: readonly Left[], lang: "es" | "en", nameOf: (id: string) => string): string {
  const counts = new Map<string, number>();
  for (const one of left) {
    const what = one.first?.who ? nameOf(one.first.who) : one[lang];
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, SHOWN)
    .map(([what, n]) => `${what} (${n})`)
    .join(", ");
}
