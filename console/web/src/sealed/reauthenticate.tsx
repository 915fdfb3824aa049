// Proving again who one is: password, code or passkey.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json, Problem } from "../api/shapes";
import { askPasskey, hasPasskeys } from "../pages/passkey";
import { problemText } from "../state/problem_text";
import { askSession } from "../state/session";
import { t } from "../words/words";

export function Reauthenticate({ onDone }: { onDone: () => void }): JSX.Element {
  const [problem, setProblem] = useState<Problem | null>(null);
  const take = async (asked: ReturnType<typeof post<Json>>): Promise<void> => {
    const answer = await asked;
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    await askSession();
    onDone();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const password = String(data.get("password") ?? ""),
      code = String(data.get("code") ?? "").replace(/\s/g, "");
    void take(post<Json>("reauthenticate", code ? { code } : { password }));
  };
  return (
    <form class="again" onSubmit={submit}>
      <p class="banner warn">▲ {t("again_who")}</p>
      <div class="row">
        <label>
          {t("password")}
          <input name="password" type="password" autocomplete="current-password" maxLength={1024} />
        </label>
        <label>
          {t("code")}
          <input name="code" inputMode="numeric" autocomplete="one-time-code" maxLength={7} />
        </label>
      </div>
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      <div class="row end">
        {hasPasskeys() ? (
          <button type="button" class="button" onClick={() => void take(byPasskey())}>
            {t("use_passkey")}
          </button>
        ) : null}
        <button type="submit" class="button">
          {t("again_prove")}
        </button>
      </div>
    </form>
  );
}

async function byPasskey(): ReturnType<typeof post<Json>> {
  const asked = await post<{ ticket: string; options: Json }>("reauthenticate/passkey/options");
  if (!asked.ok) return asked;
  const answer = await askPasskey(asked.value.options);
  if (!answer)
    return {
      ok: false,
      problem: { status: 400, code: "passkey.none", title: "", detail: t("passkey_none"), extra: {} },
    };
  return post<Json>("reauthenticate/passkey", { ticket: asked.value.ticket, answer });
}
