// The wall: one event stream, drawn. It computes no level and hides nothing that the server sent; it never decides what may be seen.
"use strict";
const WORDS = {
  es: { alerts: "Alertas", map: "Ciudad", blind: "Puntos ciegos", sources: "Señales por fuente", source: "Fuente", signals: "Señales", dead: "Muertas",
    calm: "Sin alertas abiertas.", approx: "Mapa aproximado de demostración: no es cartografía oficial.", latency: "P1 recepción→registro p95", balance: "cuentas",
    link: "conexión", lost: "SIN CONEXIÓN CON EL CENTRO: lo que se ve puede estar viejo", standin: "Muro de la consola CIOR, en lugar de Grafana en esta instalación.",
    drill: "SIMULACRO", exercise: "SIMULACRO: todo lo que recibe este centro es un ejercicio", degraded: "SIN DECODIFICAR", source1: "fuente", sourcesN: "fuentes", signal1: "señal", signalsN: "señales", nowhere: "lugar desconocido", balanced: "cuadran", gap: "faltan",
    ok: "en vivo", none: "Todas las fuentes hablan.", since: "desde", muted: "silenciada por", why: "por qué", open: "abierta", acknowledged: "tomada",
    dispatched: "despachada", on_scene: "en el lugar", unknown: "s/d" },
  en: { alerts: "Alerts", map: "City", blind: "Blind spots", sources: "Signals by source", source: "Source", signals: "Signals", dead: "Dead",
    calm: "No open alerts.", approx: "Approximate demonstration map: not official cartography.", latency: "P1 receipt→record p95", balance: "accounts",
    link: "link", lost: "NO CONNECTION TO THE CENTRE: what you see may be old", standin: "CIOR console wall, standing in for Grafana in this installation.",
    drill: "DRILL", exercise: "DRILL: everything this centre receives is an exercise", degraded: "UNDECODED", source1: "source", sourcesN: "sources", signal1: "signal", signalsN: "signals", nowhere: "place unknown", balanced: "balance", gap: "missing",
    ok: "live", none: "Every source is speaking.", since: "since", muted: "muted by", why: "why", open: "open", acknowledged: "acknowledged",
    dispatched: "dispatched", on_scene: "on scene", unknown: "n/a" },
};
const LEVELS = ["P1", "P2", "P3", "P4", "P5"];
const SHAPES = { P1: "■", P2: "▲", P3: "◆", P4: "●", P5: "○" };  // a level is never told by colour alone
const byId = (id) => document.getElementById(id);
let lang = new URLSearchParams(location.search).get("lang") || localStorage.getItem("lang") || "es";
let alerts = new Map(), skew = 0, lastHeard = 0, districts = [], fresh = new Set(), drawing = false, exercise = false;
const word = (key) => WORDS[lang][key] || key;
const count = (n, one, many) => `${n} ${word(n === 1 ? one : many)}`;
const now = () => Date.now() + skew;

function el(tag, attrs = {}, ...kids) {
  const node = tag === "circle" || tag === "path" || tag === "text" || tag === "title" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...kids);
  return node;
}

function age(ms) {
  const s = Math.max(0, Math.floor((now() - ms) / 1000));
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// The server gives each row its key in the one queue; here keys are only compared, element by element.
function order(a, b) {
  for (let n = 0; n < a.order.length; n++) if (a.order[n] !== b.order[n]) return a.order[n] < b.order[n] ? -1 : 1;
  return 0;
}
// A long list is cut, but never before an alert of life-safety that nobody acknowledged.
const mustShow = (alert) => alert.life_safety && alert.status === "open";
const districtName = (id) => { const d = districts.find((one) => one.id === id); return d ? d.name : id; };

function row(alert) {
  const tone = alert.silent ? "silent" : alert.level;
  const name = el("span", { class: "name" }, alert[`name_${lang}`]);
  for (const flag of ["drill", "degraded"]) if (alert[flag]) name.append(el("span", { class: "tag" }, word(flag)));
  const where = alert.district ? districtName(alert.district) : word("nowhere");
  const meta = [where, word(alert.status)];
  if (!alert.silent) meta.push(`${count(alert.sources, "source1", "sourcesN")}, ${count(alert.signals, "signal1", "signalsN")}`);
  if (alert.suppressed_by) meta.push(`${word("muted")} ${alert.suppressed_by}`);
  const item = el("li", { class: fresh.has(alert.id) ? `${tone} new` : tone, "data-id": alert.id, "data-level": alert.level },
    el("span", { class: "level", title: SHAPES[alert.level] }, alert.level), name, el("span", { class: "age", "data-since": alert.opened_ms }, age(alert.opened_ms)),
    el("span", { class: "meta" }, meta.join(" · ")));
  const shown = (alert.reasons || []).slice(0, 4);
  if (shown.length) {
    const why = el("span", { class: "why" });
    shown.forEach((reason, n) => { if (n) why.append(" · "); if (reason.points) why.append(el("b", {}, (reason.points > 0 ? "+" : "") + reason.points), " "); why.append(reason[lang]); });
    item.append(why);
  }
  return item;
}

function draw() {
  drawing = false;
  const rows = [...alerts.values()].sort(order);
  byId("list").replaceChildren(...rows.filter((one, n) => n < 200 || mustShow(one)).map(row));
  byId("calm").hidden = rows.length > 0;
  byId("levels").replaceChildren(...LEVELS.map((level) => {
    const n = rows.filter((one) => one.level === level && (exercise || !one.drill)).length;
    return el("span", { class: `count ${level}${n ? "" : " zero"}` }, `${SHAPES[level]} ${level}`, el("span", {}, String(n)));
  }));
  drawPoints(rows);
  fresh.clear();
}
const redraw = () => { if (!drawing) { drawing = true; requestAnimationFrame(draw); } };

let project = null;
function drawCity(city) {
  const shapes = city.features.filter((f) => f.geometry.type.endsWith("Polygon"));
  const rings = shapes.flatMap((f) => f.geometry.type === "Polygon" ? f.geometry.coordinates : f.geometry.coordinates.flat());
  const points = rings.flat();
  if (!points.length) return;
  const west = Math.min(...points.map((p) => p[0])), east = Math.max(...points.map((p) => p[0]));
  const south = Math.min(...points.map((p) => p[1])), north = Math.max(...points.map((p) => p[1]));
  const squeeze = Math.cos(((south + north) / 2) * Math.PI / 180), size = 1000 / Math.max((east - west) * squeeze, north - south);
  project = (lon, lat) => [(lon - west) * squeeze * size, (north - lat) * size];
  const map = byId("map");
  map.setAttribute("viewBox", `-10 -10 ${(east - west) * squeeze * size + 20} ${(north - south) * size + 20}`);
  map.replaceChildren();
  for (const feature of shapes) {
    const all = feature.geometry.type === "Polygon" ? feature.geometry.coordinates : feature.geometry.coordinates.flat();
    const d = all.map((ring) => "M" + ring.map((p) => project(p[0], p[1]).map((v) => v.toFixed(1)).join(",")).join("L") + "Z").join("");
    map.append(el("path", { class: "district", d, "data-district": feature.properties.id }));
    const outline = all[0], x = outline.reduce((sum, p) => sum + p[0], 0) / outline.length, y = outline.reduce((sum, p) => sum + p[1], 0) / outline.length;
    const [cx, cy] = project(x, y);
    map.append(el("text", { x: cx, y: cy, "font-size": 26 }, feature.properties.name));
  }
  byId("approx").hidden = !city.note;  // only the bundled drawing says that it is no cartography
  districts = shapes.map((f) => f.properties);
  redraw();
}

function drawPoints(rows) {
  const map = byId("map");
  map.querySelectorAll("circle").forEach((node) => node.remove());
  map.querySelectorAll(".hush").forEach((node) => node.classList.remove("hush"));
  if (!project) return;
  for (const alert of rows.slice().reverse()) {
    if (alert.silent) {  // a silent alert tints its district; it is never a point
      map.querySelectorAll(".district").forEach((node) => { if (node.dataset.district === alert.district) node.classList.add("hush"); });
    } else if (alert.lat !== undefined && alert.lat !== null) {
      const [cx, cy] = project(alert.lon, alert.lat);
      map.append(el("circle", { class: alert.level, cx, cy, r: alert.level === "P1" ? 17 : 11, "data-id": alert.id }, el("title", {}, `${alert.level} ${alert[`name_${lang}`]}`)));
    }
  }
}

function heard(at) { lastHeard = performance.now(); if (at) skew = at - Date.now(); byId("banner").hidden = true; link(true); }
function link(live) {
  const box = byId("link");
  box.className = `figure ${live ? "good" : "bad"}`;
  box.firstChild.textContent = live ? word("ok") : "✕";
}

function take(snapshot) {
  byId("centre").textContent = `CIOR · ${snapshot.centre}`;
  exercise = snapshot.drill;
  byId("exercise").hidden = !exercise;
  alerts = new Map(snapshot.alerts.map((one) => [one.id, one]));
  redraw();
}

function listen() {
  const stream = new EventSource("/api/feed");
  const on = (kind, then) => stream.addEventListener(kind, (event) => { const data = JSON.parse(event.data); heard(data.now_ms); then(data); });
  on("snapshot", take);
  on("alive", () => {});
  on("alert", (message) => {
    const known = alerts.get(message.alert.id);
    if (!known) fresh.add(message.alert.id);
    alerts.set(message.alert.id, message.alert);
    redraw();
  });
  on("gone", (message) => { alerts.delete(message.id); redraw(); });
}

async function ask(question) {
  try { const answer = await fetch(`/api/ask/${question}`); return answer.ok ? await answer.json() : null; } catch { return null; }
}

async function figures() {
  const [latency, balance, blind, sources] = await Promise.all(["latency", "balance", "blind", "sources"].map(ask));
  const box = byId("latency");
  box.firstChild.textContent = latency && latency.n ? `${Math.round(latency.p95_ms)} ms` : "–";
  box.className = `figure ${latency && latency.n ? (latency.p95_ms <= 500 ? "good" : "bad") : ""}`;
  const even = byId("balance");
  even.firstChild.textContent = balance ? (balance.gap === 0 ? word("balanced") : `${balance.gap} ${word("gap")}`) : "–";
  even.className = `figure ${balance ? (balance.gap === 0 ? "good" : "bad") : ""}`;
  if (blind) {
    byId("blindcount").textContent = `(${blind.length})`;
    byId("blind").replaceChildren(...(blind.length ? blind.slice(0, 40).map((spot) => el("li", {}, `${spot.name} — ${spot[`state_${lang}`]} ${word("since")} ${age(spot.since_ms)}`)) : [el("li", { class: "fine-spot" }, word("none"))]));
  }
  if (sources) byId("sources").tBodies[0].replaceChildren(...sources.map((one) => el("tr", {}, el("td", {}, one.source), el("td", {}, String(one.signals)), el("td", {}, String(one.dead)))));
}

function translate() {
  document.documentElement.lang = lang;
  document.querySelectorAll("[data-t]").forEach((node) => { node.textContent = word(node.dataset.t); });
  byId("lang").textContent = lang === "es" ? "EN" : "ES";
  redraw();
}

byId("lang").addEventListener("click", () => { lang = lang === "es" ? "en" : "es"; localStorage.setItem("lang", lang); translate(); figures(); });
setInterval(() => {
  byId("clock").textContent = new Date(now()).toLocaleTimeString(lang, { hour12: false });
  document.querySelectorAll("[data-since]").forEach((node) => { node.textContent = age(Number(node.dataset.since)); });
  if (performance.now() - lastHeard > 12000) { const banner = byId("banner"); banner.textContent = word("lost"); banner.hidden = false; link(false); }
}, 1000);
setInterval(figures, 5000);
lastHeard = performance.now();
translate();
listen();
fetch("/api/city").then((answer) => answer.json()).then(drawCity);
figures();
