// A code for a new wall of the room: what it is called, which districts it shows. Asked by whoever keeps the room or the
// machines, typed at the wall once.
import { useState } from "preact/hooks";
import type { JSX } from "preact";
import { post } from "../api/http";
import type { Problem } from "../api/shapes";
import { timeText } from "../core/ages";
import { Reauthenticate } from "../sealed/reauthenticate";
import { districts } from "../state/city";
import { now } from "../state/clock";
import { problemText } from "../state/problem_text";
import { lang, t } from "../words/words";

interface DisplayCode {
  code: string;
  until_ms: number;
}
interface Wish {
  name: string;
  districts: string[];
}

const halves = (code: string): string => `${code.slice(0, 5)} ${code.slice(5)}`;

export function Displays(): JSX.Element {
  const [made, setMade] = useState<DisplayCode | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [wish, setWish] = useState<Wish | null>(null);
  const order = async (wanted: Wish): Promise<void> => {
    const answer = await post<DisplayCode>("displays", wanted);
    const isStale = !answer.ok && answer.problem.code === "session.not_fresh";
    setWish(isStale ? wanted : null);
    setProblem(answer.ok || isStale ? null : answer.problem);
    setMade(answer.ok ? answer.value : null);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    void order({ name: String(data.get("name") ?? "").trim(), districts: data.getAll("district").map(String) });
  };
  return (
    <section class="hand-over displays">
      <h3>{t("displays")}</h3>
      <p class="dim">{t("displays_why")}</p>
      <form onSubmit={submit}>
        <label>
          {t("display_name")}
          <input name="name" required maxLength={60} autocomplete="off" />
        </label>
        <Districts />
        <button type="submit" class="button main">
          {t("display_order")}
        </button>
      </form>
      {problem ? (
        <p class="banner bad" role="alert">
          ✕ {problemText(problem)}
        </p>
      ) : null}
      {wish ? <Reauthenticate onDone={() => void order(wish)} /> : null}
      {made ? (
        <div role="status">
          <p class="secret">
            <code>{halves(made.code)}</code>
          </p>
          <p>{t("display_until", timeText(made.until_ms, now.value, lang.value))}</p>
        </div>
      ) : null}
    </section>
  );
}

function Districts(): JSX.Element | null {
  if (!districts.value.size) return null;
  return (
    <fieldset>
      <legend>{t("display_districts")}</legend>
      <div class="row">
        {[...districts.value].map(([id, name]) => (
          <label key={id} class="check">
            <input type="checkbox" name="district" value={id} />
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
