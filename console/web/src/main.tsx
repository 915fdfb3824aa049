import "./trusted";
import "./style.css";
import { render } from "preact";
import { App } from "./app";
import { startClock } from "./state/clock";
import { startRoute } from "./state/route";
import { askSession } from "./state/session";
import { lang, speak } from "./words/words";

speak(lang.value);
startClock();
startRoute();
void askSession();
const place = document.getElementById("app");
if (place) render(<App />, place);
