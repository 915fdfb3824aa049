// Another of one's roles: another session in the place of this one. What shows more asks first who one is.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Json, Problem, Role } from "../api/shapes";
import { Reauthenticate } from "../sealed/reauthenticate";
import { stopFeed } from "../state/live";
import { problemText } from "../state/problem_text";
import { toPage } from "../state/route";
import { askSession, role, session } from "../state/session";
import { said, t } from "../words/words";
import { Dialog } from "./dialog";

const isOpen = signal(false);

export const beginRole = (): void => {
  isOpen.value = true;
};

const close = (): void => {
  isOpen.value = false;
};

export function RoleDialog(): JSX.Element | null {
  return isOpen.value && session.value ? <Choosing /> : null;
}

function Choosing(): JSX.Element {
  const [wanted, setWanted] = useState<Role | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const wear = async (next: Role): Promise<void> => {
    const answer = await post<Json>("session/role", { role: next });
    if (!answer.ok) {
      setWanted(answer.problem.code === "session.not_fresh" ? next : null);
      setProblem(answer.problem.code === "session.not_fresh" ? null : answer.problem);
      return;
    }
    close();
    toPage("desk");
    stopFeed();
    await askSession();
  };
  const others = (session.value?.roles ?? []).filter((one) => one !== role.value);
  return (
    <Dialog title={t("role_switch")} onClose={close}>
      <p>{t("role_why", said("role", role.value ?? ""))}</p>
      {wanted ? <Reauthenticate onDone={() => void wear(wanted)} /> : null}
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      <div class="row end">
        <button type="button" class="button" onClick={close}>
          {t("cancel")} <kbd aria-hidden="true">Esc</kbd>
        </button>
        {others.map((one) => (
          <button key={one} type="button" class="button main" onClick={() => void wear(one)}>
            {t("role_wear", said("role", one))}
          </button>
        ))}
      </div>
    </Dialog>
  );
}
