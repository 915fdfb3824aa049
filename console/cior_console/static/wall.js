// The wall: one event stream, drawn. It computes no level and hides nothing that the server sent; it never decides what
// may be seen. Words: wall_words.js; the list: wall_list.js.
"use strict";
let lastHeard = 0, drawing = false, exercise = false, sessionEnds = 0, isOver = false;
let lateHere = false, lateThere = false, shownSpots = 40, mapDrawn = 0;

function redrawNow() {
  drawing = false;
  const rows = drawList();
  byId("levels").replaceChildren(...LEVELS.map((level) => {
    const n = rows.filter((one) => one.level === level && (exercise || !one.drill)).length;
    const words = `${SHAPES[level]} ${level}`;
    return el("span", { class: `count ${level}${n ? "" : " zero"}` }, words, el("span", {}, number(n)));
  }));
  const wait = rows.length > SINGLE_POINTS ? mapDrawn + 500 - performance.now() : 0;
  if (wait <= 0) { mapDrawn = performance.now(); drawPoints(rows); } else setTimeout(redraw, wait);
}
function redraw() {
  if (drawing) return;
  drawing = true;
  if (alerts.size > 500) setTimeout(() => requestAnimationFrame(redrawNow), 100);
  else requestAnimationFrame(redrawNow);
}

let project = null;
function drawCity(city) {
  const shapes = city.features
    .filter((f) => f.geometry.type.endsWith("Polygon") && f.properties.kind !== "neighbourhood");
  const ringsOf = (f) => f.geometry.type === "Polygon" ? f.geometry.coordinates : f.geometry.coordinates.flat();
  const rings = shapes.flatMap(ringsOf);
  const points = rings.flat();
  if (!points.length) return;
  const west = Math.min(...points.map((p) => p[0])), east = Math.max(...points.map((p) => p[0]));
  const south = Math.min(...points.map((p) => p[1])), north = Math.max(...points.map((p) => p[1]));
  const squeeze = Math.cos(((south + north) / 2) * Math.PI / 180);
  const size = 1000 / Math.max((east - west) * squeeze, north - south);
  project = (lon, lat) => [(lon - west) * squeeze * size, (north - lat) * size];
  const map = byId("map");
  map.setAttribute("viewBox", `-10 -10 ${(east - west) * squeeze * size + 20} ${(north - south) * size + 20}`);
  map.replaceChildren();
  for (const feature of shapes) {
    const all = ringsOf(feature), corner = (p) => project(p[0], p[1]).map((v) => v.toFixed(1)).join(",");
    const d = all.map((ring) => `M${ring.map(corner).join("L")}Z`).join("");
    map.append(el("path", { class: "district", d, "data-district": feature.properties.id }));
    const outline = all[0], mean = (axis) => outline.reduce((sum, p) => sum + p[axis], 0) / outline.length;
    const [cx, cy] = project(mean(0), mean(1));
    map.append(el("text", { x: cx, y: cy, "font-size": 26 }, feature.properties.name));
  }
  byId("approx").hidden = !city.note;  // only the bundled drawing says that it is no cartography
  districts = shapes.map((f) => f.properties);
  redraw();
}

// Beyond so many, those of a square are one circle with their number: of the highest level among them.
const SINGLE_POINTS = 300, SQUARE = 50;

function drawPoints(rows) {
  const map = byId("map");
  map.querySelectorAll("circle, .many").forEach((node) => node.remove());
  map.querySelectorAll(".hush").forEach((node) => node.classList.remove("hush"));
  if (!project) return;
  const hushed = new Set(rows.filter((one) => one.silent).map((one) => one.district));
  for (const node of map.querySelectorAll(".district")) if (hushed.has(node.dataset.district)) node.classList.add("hush");
  // a silent alert tints its district; it is never a point
  const placed = rows.filter((one) => !one.silent && one.lat !== undefined && one.lat !== null);
  if (placed.length <= SINGLE_POINTS) placed.reverse().forEach((one) => drawPoint(one, 1));
  else for (const [first, n] of squares(placed)) drawPoint(first, n);
}

function squares(placed) {
  const found = new Map();
  for (const one of placed) {
    const key = project(one.lon, one.lat).map((v) => Math.floor(Math.min(2000, Math.max(-1000, v)) / SQUARE)).join(",");
    const known = found.get(key);
    if (known) known[1] += 1; else found.set(key, [one, 1]);  // rows come in their order: the first is the highest
  }
  return [...found.values()].reverse();
}

function drawPoint(alert, n) {
  const map = byId("map"), [cx, cy] = project(alert.lon, alert.lat), r = n > 1 ? 24 : alert.level === "P1" ? 17 : 11;
  const title = n > 1 ? word("here", number(n)) : alert[`name_${lang}`];
  const words = el("title", {}, `${alert.level} ${title}`);
  map.append(el("circle", { class: alert.level, cx, cy, r, "data-id": alert.id }, words));
  if (n > 1) map.append(el("text", { class: "many", x: cx, y: cy + 6, "font-size": 17 }, number(n)));
}

function heard(data) {
  lastHeard = performance.now();
  if (data.now_ms) skew = data.now_ms - Date.now();
  if (data.late !== undefined) lateHere = data.late;
  isOver = false;
  warn(); link(true);
}
function link(live) {
  const box = byId("link");
  box.className = `figure ${live ? "good" : "bad"}`;
  box.firstChild.textContent = live ? word("ok") : "✕";
}

function warn() {
  const isLost = performance.now() - lastHeard > 12000, banner = byId("banner"), isLate = lateHere || lateThere;
  const said = isOver ? word("ended") : isLost ? word("lost") : isLate ? word("late") : "";
  if (banner.textContent !== said) banner.textContent = said;
  banner.hidden = !said;
  const health = byId("health");
  health.className = `figure ${isLate ? "bad" : "good"}`;
  health.firstChild.textContent = word(isLate ? "waiting" : "timely");
  const isEnding = sessionEnds && sessionEnds - now() < 86_400_000, ending = byId("ending");
  ending.hidden = !isEnding;
  if (isEnding) ending.textContent = word("ending", new Date(sessionEnds).toLocaleString(lang, { hour12: false }));
  if (isLost || isOver) link(false);
}

function take(snapshot) {
  byId("centre").textContent = `CIOR · ${snapshot.centre}`;
  exercise = snapshot.drill;
  sessionEnds = snapshot.session_ends_ms;
  byId("exercise").hidden = !exercise;
  const isAgain = alerts.size > 0, there = new Set(snapshot.alerts.map((one) => one.id));
  for (const id of alerts.keys()) if (!there.has(id)) alerts.delete(id);
  for (const one of snapshot.alerts) arrived(one, isAgain);  // what is new in a later snapshot is news
  redraw();
}

function listen() {
  const stream = new EventSource("/api/feed");
  const on = (kind, then) => stream.addEventListener(kind, (event) => {
    const data = JSON.parse(event.data);
    heard(data); then(data);
  });
  on("snapshot", take);
  on("alive", () => {});
  on("alert", (message) => { arrived(message.alert, true); redraw(); });
  on("gone", (message) => { alerts.delete(message.id); redraw(); });
  stream.addEventListener("error", () => {  // refused, not cut: the browser does not try again by itself
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

async function ask(question) {
  try {
    const answer = await fetch(`/api/ask/${question}`);
    if (answer.status === 401) { isOver = true; warn(); }
    return answer.ok ? await answer.json() : null;
  } catch { return null; }
}

function drawSpots(blind) {
  const since = (spot) => (spot.since_ms === null ? "" : ` ${word("since")} ${age(spot.since_ms)}`);
  const line = (spot) => `${spot.name} — ${spot[`state_${lang}`]}${since(spot)}`;
  const spots = [...blind].sort((a, b) => Number(Boolean(b.late)) - Number(Boolean(a.late)));
  const rows = spots.slice(0, shownSpots).map((spot) => el("li", { class: spot.late ? "late-spot" : "" }, line(spot)));
  if (!spots.length) rows.push(el("li", { class: "fine-spot" }, word("none")));
  if (spots.length > shownSpots) {
    const more = el("button", { type: "button" }, word("more", number(spots.length - shownSpots)));
    more.addEventListener("click", () => { shownSpots = Infinity; drawSpots(blind); });
    rows.push(el("li", {}, more));
  }
  byId("blindcount").textContent = `(${number(spots.length)})`;
  byId("blind").replaceChildren(...rows);
}

async function figures() {
  const [latency, balance, blind, sources] = await Promise.all(["latency", "balance", "blind", "sources"].map(ask));
  const box = byId("latency");
  box.firstChild.textContent = latency && latency.n ? `${Math.round(latency.p95_ms)} ms` : "–";
  box.className = `figure ${latency && latency.n ? (latency.p95_ms <= 500 ? "good" : "bad") : ""}`;
  const even = byId("balance");
  const sum = balance && (balance.gap === 0 ? word("balanced") : `${balance.gap} ${word("gap")}`);
  even.firstChild.textContent = sum || "–";
  even.className = `figure ${balance ? (balance.gap === 0 ? "good" : "bad") : ""}`;
  if (blind) { drawSpots(blind); lateThere = blind.some((spot) => spot.late); warn(); }
  const cells = (one) => [one.source, String(one.signals), String(one.dead)].map((text) => el("td", {}, text));
  if (sources) byId("sources").tBodies[0].replaceChildren(...sources.map((one) => el("tr", {}, ...cells(one))));
}

function translate() {
  document.documentElement.lang = lang;
  document.querySelectorAll("[data-t]").forEach((node) => { node.textContent = word(node.dataset.t); });
  byId("lang").textContent = lang === "es" ? "EN" : "ES";
  warn();
  redraw();
}

byId("lang").addEventListener("click", () => {
  lang = lang === "es" ? "en" : "es";
  localStorage.setItem("lang", lang);
  translate(); figures();
});
setInterval(() => {
  byId("clock").textContent = new Date(now()).toLocaleTimeString(lang, { hour12: false });
  document.querySelectorAll("[data-since]").forEach((node) => { node.textContent = age(Number(node.dataset.since)); });
  if (!drawing) {  // what came since belongs to no line yet: the drawing that is due tells it
    const [first, end] = seenRange();
    look(first, end); tellNews(first, end);
  }
  warn();
}, 1000);
setInterval(figures, 5000);
lastHeard = performance.now();
translate();
listen();
fetch("/api/city").then((answer) => answer.json()).then(drawCity);
figures();
