// The frame of a page that is not the desk.
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../api/shapes";
import { problemText } from "../state/problem_text";
import { toPage } from "../state/route";
import { Button } from "../frame/button";
import { t } from "../words/words";

export function Page({
  title,
  problem,
  children,
}: {
  title: string;
  problem?: Problem | null;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <main class="page">
      <div class="row between">
        <h2>{title}</h2>
        <Button hint="Esc" onPress={() => toPage("desk")}>
          {t("back_to_queue")}
        </Button>
      </div>
      {problem ? (
        <p class="banner warn" role="alert">
          ▲ {problemText(problem)}
        </p>
      ) : null}
      {children}
    </main>
  );
}
