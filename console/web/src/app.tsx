// Signed in or not, and which page.
import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { JSX } from "preact";
import { Banners, Notes } from "./frame/banners";
import { Header } from "./frame/header";
import { KeysHelp } from "./frame/keys_help";
import { RoleDialog } from "./frame/role_dialog";
import { ActDialog } from "./alert/act_dialog";
import { onKey } from "./keyboard";
import { LineDialog } from "./queue/line_dialog";
import { Desk } from "./pages/desk";
import { Duty } from "./pages/duty";
import { Drills } from "./pages/drills";
import { Agreements } from "./pages/agreements";
import { Ledger } from "./pages/ledger";
import { Load } from "./pages/load";
import { OpenByHand, PostureDialog } from "./pages/by_hand";
import { Portal } from "./pages/portal";
import { Sessions } from "./pages/sessions";
import { Shift } from "./pages/shift";
import { Silences } from "./pages/silences";
import { SignIn } from "./pages/sign_in";
import { startOutbox } from "./state/acts";
import { askCity } from "./state/city";
import { askDirectory, watchStrangers } from "./state/directory";
import { startFeed } from "./state/live";
import { route } from "./state/route";
import { askSession, centre, home, isUnreached, isWall, session, watches } from "./state/session";
import { startSound } from "./state/sound";
import { t } from "./words/words";

export function App(): JSX.Element {
  if (session.value === undefined) return <Opening />;
  if (session.value === null) return <SignIn />;
  return <SignedIn key={session.value.id} />;
}

const AGAIN_MS = 3000;

function Opening(): JSX.Element {
  useEffect(() => {
    const timer = setInterval(() => void askSession(), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="sign-in">
      <h1>CIOR</h1>
      <p role="status">{isUnreached.value ? t("unreached") : t("loading")}</p>
    </main>
  );
}

let isStarted = false;

function start(): void {
  if (watches.value) {
    startFeed();
    void askCity();
  }
  void askDirectory();
  startOutbox();
  if (isStarted) return;
  isStarted = true;
  watchStrangers();
  startSound();
  keepAwake();
  addEventListener("keydown", onKey);
}

/** The screen of a desk does not go dark; the lock falls each time the page is hidden. */
function keepAwake(): void {
  const ask = (): void => {
    if (!document.hidden) void navigator.wakeLock?.request("screen").catch(() => undefined);
  };
  ask();
  document.addEventListener("visibilitychange", ask);
}

function SignedIn(): JSX.Element {
  useEffect(start, []);
  return (
    <>
      <Header />
      <Banners />
      <PageOf />
      <Notes />
      <ActDialog />
      <LineDialog />
      <OpenByHand />
      <PostureDialog />
      <KeysHelp />
      <RoleDialog />
    </>
  );
}

function PageOf(): JSX.Element {
  if (isWall.value) return <Desk />;
  const page = route.value.page === "desk" ? home.value : route.value.page;
  switch (page) {
    case "desk":
      return <Desk />;
    case "shift":
      return <Shift />;
    case "duty":
      return <Duty />;
    case "silences":
      return <Silences />;
    case "load":
      return <Load />;
    case "drills":
      return <Drills />;
    case "agreements":
      return <Agreements />;
    case "ledger":
      return <Ledger />;
    case "sessions":
      return <Sessions />;
    case "portal":
      return <Portal />;
  }
}

effect(() => {
  document.title = session.value ? `CIOR · ${centre.value}` : "CIOR";
});
