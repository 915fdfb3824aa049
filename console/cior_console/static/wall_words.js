// What the wall says, in both languages, and how it says numbers, ages and places.
"use strict";
const WORDS = {
  es: {
    alerts: "Alertas", map: "Ciudad", blind: "Puntos ciegos", sources: "Señales por fuente", source: "Fuente",
    signals: "Señales", dead: "Muertas", calm: "Sin alertas abiertas.",
    approx: "Mapa aproximado de demostración: no es cartografía oficial.",
    latency: "P1 recepción→registro p95", balance: "cuentas", link: "conexión", health: "avisos",
    lost: "SIN CONEXIÓN CON EL CENTRO: lo que se ve puede estar viejo",
    ended: "LA SESIÓN DE ESTE MURO TERMINÓ: abrir de nuevo la dirección con su llave",
    ending: "La sesión de este muro termina el {0}: abrir antes la dirección con su llave",
    late: "LOS AVISOS LLEGAN TARDE: pasan más de 2 segundos hasta este muro. Seguir por radio y 911",
    waiting: "tarde", timely: "al día",
    standin: "Muro de la consola CIOR, en lugar de Grafana en esta instalación.",
    drill: "SIMULACRO", exercise: "SIMULACRO: todo lo que recibe este centro es un ejercicio",
    degraded: "SIN DECODIFICAR", source1: "fuente", sourcesN: "fuentes", signal1: "señal",
    signalsN: "señales", nowhere: "lugar desconocido", balanced: "cuadran", gap: "faltan", ok: "en vivo",
    none: "Todas las fuentes hablan.", since: "desde", muted: "silenciada por", open: "abierta",
    acknowledged: "tomada", dispatched: "despachada", on_scene: "en el lugar",
    line: "{0} avisos de equipos no conocidos, en un renglón", unfold: "abrir", fold: "cerrar", last: "la última hace",
    news1: "1 alerta nueva", newsN: "{0} alertas nuevas", lined: "{0} más en renglones compartidos",
    away1: "1 sin tomar fuera de la vista", awayN: "{0} sin tomar fuera de la vista", jump: "Ir a la más nueva",
    more: "{0} más: mostrar todos", here: "{0} alertas en esta zona",
  },
  en: {
    alerts: "Alerts", map: "City", blind: "Blind spots", sources: "Signals by source", source: "Source",
    signals: "Signals", dead: "Dead", calm: "No open alerts.",
    approx: "Approximate demonstration map: not official cartography.",
    latency: "P1 receipt→record p95", balance: "accounts", link: "link", health: "signals",
    lost: "NO CONNECTION TO THE CENTRE: what you see may be old",
    ended: "THE SESSION OF THIS WALL IS OVER: open its address with the key again",
    ending: "The session of this wall ends on {0}: open its address with the key before that",
    late: "SIGNALS ARRIVE LATE: more than 2 seconds pass before they are on this wall. Go on by radio and 911",
    waiting: "late", timely: "in time",
    standin: "CIOR console wall, standing in for Grafana in this installation.",
    drill: "DRILL", exercise: "DRILL: everything this centre receives is an exercise",
    degraded: "UNDECODED", source1: "source", sourcesN: "sources", signal1: "signal", signalsN: "signals",
    nowhere: "place unknown", balanced: "balance", gap: "missing", ok: "live",
    none: "Every source is speaking.", since: "since", muted: "muted by", open: "open",
    acknowledged: "acknowledged", dispatched: "dispatched", on_scene: "on scene",
    line: "{0} signals of devices nobody knows, on one line", unfold: "open", fold: "close", last: "the last one",
    news1: "1 new alert", newsN: "{0} new alerts", lined: "{0} more on shared lines",
    away1: "1 not taken, out of view", awayN: "{0} not taken, out of view", jump: "Go to the newest",
    more: "{0} more: show all", here: "{0} alerts in this area",
  },
};
const LEVELS = ["P1", "P2", "P3", "P4", "P5"];
const SHAPES = { P1: "■", P2: "▲", P3: "◆", P4: "●", P5: "○" };  // a level is never told by colour alone
const byId = (id) => document.getElementById(id);
let lang = new URLSearchParams(location.search).get("lang") || localStorage.getItem("lang") || "es";
if (!WORDS[lang]) lang = "es";
let skew = 0, districts = [];
const now = () => Date.now() + skew;
const word = (key, value) => (WORDS[lang][key] || key).replace("{0}", value === undefined ? "" : value);
const number = (n) => n.toLocaleString(lang === "es" ? "es-AR" : "en");
const count = (n, one, many) => `${number(n)} ${word(n === 1 ? one : many)}`;
const districtName = (id) => { const d = districts.find((one) => one.id === id); return d ? d.name : id; };
const whereOf = (alert) => alert.district ? districtName(alert.district) : word("nowhere");
const SVG = new Set(["circle", "path", "text", "title"]);

function el(tag, attrs = {}, ...kids) {
  const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) node.setAttribute(key, value);
  node.append(...kids);
  return node;
}

function age(ms) {
  const s = Math.max(0, Math.floor((now() - ms) / 1000));
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
