// The first second factor of somebody whose role needs one: a telephone's codes, or a passkey of this machine.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json, Problem, SignInAnswer } from "../api/shapes";
import { problemText } from "../state/problem_text";
import { t } from "../words/words";
import { hasPasskeys, makePasskey } from "./passkey";
import { Code, refusedHere, type Take } from "./sign_in";

interface NewCode {
  ticket: string;
  secret: string;
  address: string;
}

export function Enrol({
  ticket,
  methods,
  isBusy,
  take,
}: {
  ticket: string;
  methods: string[];
  isBusy: boolean;
  take: Take;
}): JSX.Element {
  const [made, setMade] = useState<NewCode | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const begin = async (): Promise<void> => {
    const answer = await post<NewCode>("sign-in/factors/totp", { ticket });
    if (answer.ok) setMade(answer.value);
    else setProblem(answer.problem);
  };
  return (
    <>
      <p>{t("enrol_why")}</p>
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      {made ? (
        <TelephoneSecret made={made} isBusy={isBusy} take={take} />
      ) : (
        <div class="row">
          {methods.includes("totp") ? (
            <button type="button" class="button main" onClick={() => void begin()}>
              {t("enrol_totp")}
            </button>
          ) : null}
          {methods.includes("passkey") && hasPasskeys() ? (
            <button type="button" class="button" onClick={() => void take(enrolPasskey(ticket))}>
              {t("enrol_passkey")}
            </button>
          ) : null}
        </div>
      )}
    </>
  );
}

function TelephoneSecret({ made, isBusy, take }: { made: NewCode; isBusy: boolean; take: Take }): JSX.Element {
  return (
    <>
      <p>{t("enrol_secret")}</p>
      <p class="secret">
        <code>{made.secret.replace(/(.{4})/g, "$1 ").trim()}</code>
      </p>
      <p>
        <a href={made.address}>{t("enrol_link")}</a>
      </p>
      <Code ticket={made.ticket} path="sign-in/factors/totp/confirm" isBusy={isBusy} take={take} />
    </>
  );
}

async function enrolPasskey(ticket: string): ReturnType<typeof post<SignInAnswer>> {
  const asked = await post<{ ticket: string; options: Json }>("sign-in/factors/passkey/options", { ticket });
  if (!asked.ok) return asked;
  const answer = await makePasskey(asked.value.options);
  return answer
    ? post<SignInAnswer>("sign-in/factors/passkey", { ticket: asked.value.ticket, answer, label: "" })
    : refusedHere();
}
