// Sign-in: password or passkey, a second factor where the role wants one, or the city's own identity service. The
// press of the button also starts sound, which a browser keeps locked until then.
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import { get, post, type Answer } from "../api/http";
import type { Json, Problem, SignInAnswer, Ways } from "../api/shapes";
import { returnedOf } from "../core/returned";
import { askSession, isUnreached } from "../state/session";
import { unlockSound } from "../state/sound";
import { problemText } from "../state/problem_text";
import { lang, said, speak, t } from "../words/words";
import { DisplayDoor } from "./display_door";
import { Enrol } from "./enrol";
import { askPasskey, hasPasskeys } from "./passkey";

export type Take = (asked: Promise<Answer<SignInAnswer>>) => Promise<void>;
const AT_THE_DOOR: SignInAnswer = { state: "second_factor" };

export function SignIn(): JSX.Element {
  const [step, setStep] = useState<SignInAnswer | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [ways, setWays] = useState<Ways | null>(null);
  const [refused, setRefused] = useState("");
  const [isDisplay, setDisplay] = useState(false);
  useEffect(() => {
    const back = returnedOf(location.hash);
    if (back.step) setStep(back.step);
    setRefused(back.refused);
    if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
    void get<Ways>("sign-in").then((answer) => {
      if (answer.ok) setWays(answer.value);
    });
  }, []);
  const take: Take = async (asked) => {
    setBusy(true);
    setRefused("");
    const answer = await asked;
    setBusy(false);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    if (answer.value.state === "signed_in") await askSession();
    else setStep(answer.value);
  };
  return (
    <main class="sign-in">
      <h1>CIOR</h1>
      <p class="dim">{ways?.centre || t("sign_in_what")}</p>
      <div role="alert">
        {isUnreached.value ? <p class="banner bad">✕ {t("unreached")}</p> : null}
        {problem ? <p class="banner bad">✕ {problemText(problem)}</p> : null}
        {refused ? <p class="banner bad">✕ {t("city_refused", refused)}</p> : null}
      </div>
      {isDisplay ? (
        <DisplayDoor isBusy={isBusy} take={take} />
      ) : step ? (
        <Next step={step} isBusy={isBusy} take={take} back={() => setStep(null)} />
      ) : (
        <Door ways={ways} isBusy={isBusy} take={take} />
      )}
      <div class="row between">
        {step ? (
          <span />
        ) : (
          <button type="button" class="small" onClick={() => setDisplay(!isDisplay)}>
            {isDisplay ? t("is_person") : t("is_display")}
          </button>
        )}
        <button type="button" class="small" onClick={() => speak(lang.value === "es" ? "en" : "es")}>
          {lang.value === "es" ? "English" : "Español"}
        </button>
      </div>
    </main>
  );
}

interface FormProps {
  isBusy: boolean;
  take: Take;
}

export function valuesOf(event: Event): Record<string, string> {
  event.preventDefault();
  const data = new FormData(event.currentTarget as HTMLFormElement);
  return Object.fromEntries([...data].map(([name, value]) => [name, String(value)]));
}

function Door({ ways, isBusy, take }: FormProps & { ways: Ways | null }): JSX.Element {
  const submit = (event: Event): void => {
    void unlockSound();
    const { login = "", password = "" } = valuesOf(event);
    void take(post<SignInAnswer>("sign-in", { login: login.trim(), password }));
  };
  if (ways?.refusal)
    return (
      <p class="banner bad" role="alert">
        ✕ {said("refusal", ways.refusal)}
      </p>
    );
  return (
    <>
      <form onSubmit={submit}>
        <label>
          {t("login")}
          <input name="login" autocomplete="username webauthn" required autofocus maxLength={120} />
        </label>
        <label>
          {t("password")}
          <input name="password" type="password" autocomplete="current-password" required maxLength={1024} />
        </label>
        <button type="submit" class="button main" disabled={isBusy}>
          {isBusy ? t("checking") : t("sign_in")}
        </button>
      </form>
      {ways?.passkey && hasPasskeys() ? (
        <button
          type="button"
          class="button"
          disabled={isBusy}
          onClick={() => {
            void unlockSound();
            void take(passkey(""));
          }}
        >
          {t("use_passkey")}
        </button>
      ) : null}
      {ways?.openid ? (
        <a class="button" href="/api/v1/sign-in/oidc">
          {ways.openid}
        </a>
      ) : null}
    </>
  );
}

function Next({ step, isBusy, take, back }: FormProps & { step: SignInAnswer; back: () => void }): JSX.Element {
  const ticket = step.ticket ?? "",
    methods = step.methods ?? [];
  return (
    <>
      {step.state === AT_THE_DOOR.state ? (
        <Second ticket={ticket} methods={methods} isBusy={isBusy} take={take} />
      ) : null}
      {step.state === "new_password" ? <NewPassword ticket={ticket} isBusy={isBusy} take={take} /> : null}
      {step.state === "enrol" ? <Enrol ticket={ticket} methods={methods} isBusy={isBusy} take={take} /> : null}
      <button type="button" class="small" onClick={back}>
        {t("start_over")}
      </button>
    </>
  );
}

function Second({ ticket, methods, isBusy, take }: FormProps & { ticket: string; methods: string[] }): JSX.Element {
  return (
    <>
      {methods.includes("passkey") && hasPasskeys() ? (
        <button type="button" class="button main" disabled={isBusy} onClick={() => void take(passkey(ticket))}>
          {t("use_passkey")}
        </button>
      ) : null}
      {methods.includes("totp") ? <Code ticket={ticket} path="sign-in/totp" isBusy={isBusy} take={take} /> : null}
      {methods.includes("recovery") ? <Recovery ticket={ticket} isBusy={isBusy} take={take} /> : null}
    </>
  );
}

export function Code({ ticket, path, isBusy, take }: FormProps & { ticket: string; path: string }): JSX.Element {
  const submit = (event: Event): void => {
    void unlockSound();
    const { code = "" } = valuesOf(event);
    void take(post<SignInAnswer>(path, { ticket, code: code.replace(/\s/g, "") }));
  };
  return (
    <form onSubmit={submit}>
      <label>
        {t("code")}
        <input
          name="code"
          inputMode="numeric"
          autocomplete="one-time-code"
          required
          autofocus
          pattern="[0-9]{3} ?[0-9]{3}"
          maxLength={7}
        />
      </label>
      <button type="submit" class="button main" disabled={isBusy}>
        {isBusy ? t("checking") : t("sign_in")}
      </button>
    </form>
  );
}

function Recovery({ ticket, isBusy, take }: FormProps & { ticket: string }): JSX.Element {
  const submit = (event: Event): void => {
    void unlockSound();
    const { recovery = "" } = valuesOf(event);
    void take(post<SignInAnswer>("sign-in/recovery", { ticket, code: recovery.trim() }));
  };
  return (
    <details>
      <summary>{t("recovery_lost")}</summary>
      <form onSubmit={submit}>
        <label>
          {t("recovery_code")}
          <input name="recovery" autocomplete="off" autocapitalize="off" spellcheck={false} required maxLength={40} />
        </label>
        <button type="submit" class="button" disabled={isBusy}>
          {isBusy ? t("checking") : t("sign_in")}
        </button>
      </form>
    </details>
  );
}

function NewPassword({ ticket, isBusy, take }: FormProps & { ticket: string }): JSX.Element {
  const submit = (event: Event): void => {
    const { password = "" } = valuesOf(event);
    void take(post<SignInAnswer>("sign-in/new-password", { ticket, password }));
  };
  return (
    <form onSubmit={submit}>
      <p>{t("new_password_why")}</p>
      <label>
        {t("new_password")}
        <input
          name="password"
          type="password"
          autocomplete="new-password"
          required
          autofocus
          minLength={12}
          maxLength={1024}
        />
      </label>
      <button type="submit" class="button main" disabled={isBusy}>
        {isBusy ? t("checking") : t("sign_in")}
      </button>
    </form>
  );
}

export const refusedHere = (): Answer<SignInAnswer> => ({
  ok: false,
  problem: {
    status: 400,
    code: "passkey.none",
    title: "",
    detail: t("passkey_none"),
    detail_es: t("passkey_none"),
    extra: {},
  },
});

async function passkey(ticket: string): Promise<Answer<SignInAnswer>> {
  const asked = await post<{ ticket: string; options: Json }>("sign-in/passkey/options", { ticket });
  if (!asked.ok) return asked;
  const answer = await askPasskey(asked.value.options);
  return answer ? post<SignInAnswer>("sign-in/passkey", { ticket: asked.value.ticket, answer }) : refusedHere();
}
