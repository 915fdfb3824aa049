// A refusal in the person's language.
import type { Problem } from "../api/shapes";
import { lang, t } from "../words/words";

export function problemText(problem: Problem): string {
  if (problem.status === 0) return t("no_answer");
  const text = lang.value === "es" ? problem.detail_es || problem.detail : problem.detail;
  return text || t("refused_without_words", problem.status);
}
