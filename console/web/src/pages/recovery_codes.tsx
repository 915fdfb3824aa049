// Codes for the day the telephone is lost: how many are left, and ten new ones, shown once.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Problem } from "../api/shapes";
import { useAsked } from "../frame/use_asked";
import { Reauthenticate } from "../sealed/reauthenticate";
import { problemText } from "../state/problem_text";
import { t } from "../words/words";

interface FactorRow {
  id: string;
  method: string;
  label: string;
}

const NOT_FRESH = "session.not_fresh";

export function RecoveryCodes(): JSX.Element {
  const { value, again } = useAsked<FactorRow[]>("factors");
  const [codes, setCodes] = useState<string[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const left = value?.find((row) => row.method === "recovery")?.label ?? "0";
  const make = async (): Promise<void> => {
    const answer = await post<{ codes: string[] }>("factors/recovery");
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    setCodes(answer.value.codes);
    again();
  };
  return (
    <section class="recovery" aria-labelledby="recovery-title">
      <h2 id="recovery-title">{t("recovery_title")}</h2>
      <p class="dim">{t("recovery_why")}</p>
      <p>{t("recovery_left", left)}</p>
      {problem?.code === NOT_FRESH ? <Reauthenticate onDone={() => void make()} /> : null}
      {problem && problem.code !== NOT_FRESH ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      {codes.length ? (
        <>
          <p class="banner warn" role="status">
            ▲ {t("recovery_once")}
          </p>
          <ol class="codes">
            {codes.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ol>
        </>
      ) : null}
      <button type="button" class="button" onClick={() => void make()}>
        {t("recovery_make")}
      </button>
    </section>
  );
}
