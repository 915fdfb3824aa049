// The page's work: what is drawn, what is asked of the server, what is said. Text is only ever set as text.
import { Easel, crosses, readPoints, round, writePoints } from "./drawing.js";
import { WORDS, fill } from "./words.js";

const $ = (id) => document.getElementById(id);
const NEEDS = { zone: 3, mask: 3, line: 2, axis: 2 };
const easel = new Easel($("shapes"));
let language = "es";
let file = null;
let shapes = { zone: [], line: [], mask: [] };
let rules = [];
const opened = new Set(); // ids of rules whose values are shown
let without = [];
let draft = null; // { kind, points, of }
let cross = [0.5, 0.5];
let seen = null;
let dragged = null;
let trial = null;
let isDirty = false;

const say = (code, facts = {}) => fill(WORDS[language][code], facts);

function make(name, facts = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(facts)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...inside);
  return made;
}

// --- the server -----------------------------------------------------------------------------------------------------

async function ask(path, body) {
  const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, how);
  } catch {
    throw { code: "", sentence: say("lost"), cure: "" };
  }
  if (!answer.ok) throw await answer.json();
  return answer;
}

async function enter() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  await fetch("enter", { method: "POST", body: token });
}

function tell(error) {
  $("wrong").hidden = error === null;
  $("said").textContent = "";
  if (error === null) return;
  const [code, sentence, cure] = [error.code ?? "", error.sentence ?? String(error), error.cure ?? ""];
  $("wrong").replaceChildren(make("strong", {}, sentence), make("br"), cure, code ? ` (${code})` : "");
}

async function load() {
  file = await (await ask("state")).json();
  const own = (row) => structuredClone(row);
  shapes = { zone: file.zone.map(own), line: file.line.map(own), mask: file.mask.map(own) };
  rules = file.rules.map((rule) => ({ ...rule, isNew: false, values: {} }));
  without = [];
  isDirty = false;
  if (file.length_s) $("second").max = String(file.length_s);
  $("camera").textContent = file.camera;
}

let stillAt = 0;
async function showStill(at) {
  const mine = ++stillAt;
  try {
    const picture = await (await ask(`still?at=${at.toFixed(2)}`)).blob();
    if (mine !== stillAt) return;
    const address = URL.createObjectURL(picture);
    const old = $("still").src;
    $("still").src = address;
    await $("still").decode();
    if (old) URL.revokeObjectURL(old);
    easel.sized($("still").naturalWidth, $("still").naturalHeight);
    $("stage").dataset.shown = at.toFixed(2);
    paint();
  } catch (error) {
    if (error.code !== undefined) tell(error);
  }
}

function drawing() {
  const bare = (one) => Object.fromEntries(Object.entries(one).filter(([key]) => key !== "key"));
  const row = (one) => ({ ...bare(one), camera: file.camera });
  return {
    camera: file.camera,
    zone: shapes.zone.map(row),
    line: shapes.line.map(row),
    mask: shapes.mask.map(row),
    rule: rules.filter((rule) => rule.isNew).map((rule) => {
      const place = rule.kind === "line_crossing" ? "line" : "zone";
      return { kind: rule.kind, id: rule.id, [place]: rule.place };
    }),
    given: rules.filter((rule) => Object.keys(rule.values).length).map(({ id, values }) => ({ id, values })),
    without,
  };
}

async function tryIt() {
  $("try").disabled = true;
  tell(null);
  $("said").textContent = say("trying");
  try {
    trial = await (await ask("try", drawing())).json();
    $("said").textContent = say("tried", { count: trial.fired.length });
    showTrial();
    $("t-result").focus();
  } catch (error) {
    tell(error);
  } finally {
    $("try").disabled = false;
  }
}

async function save() {
  tell(null);
  $("said").textContent = say("saving");
  try {
    const done = await (await ask("save", { drawing: drawing(), digest: file.digest })).json();
    await load();
    refresh();
    $("said").textContent = done.copy ? say("saved", done) : say("unchanged", done);
    await showStill(Number($("second").value));
  } catch (error) {
    tell(error);
  }
}

// --- drawing --------------------------------------------------------------------------------------------------------

const changed = () => {
  isDirty = true;
  refresh();
};

function begin(kind, of = null) {
  draft = { kind, points: [], of };
  seen = null;
  refresh();
  $("stage").focus();
}

function put(point) {
  if (!draft) return;
  draft.points.push(point.map(round));
  if (draft.points.length === 2 && NEEDS[draft.kind] === 2) finish();
  else refresh();
}

function finish() {
  const { kind, points, of } = draft;
  if (points.length < NEEDS[kind]) return note("too_few");
  if (kind === "mask" && crosses(points)) {
    draft.points = [];
    refresh();
    return note("crossed");
  }
  draft = null;
  if (kind === "axis") {
    of.axis = points;
    changed();
    return note("done", { what: say("axis"), id: of.id });
  }
  const made = { id: freeId(kind), [kind === "line" ? "points" : "polygon"]: points };
  shapes[kind].push(made);
  changed();
  note("done", { what: say(kind), id: made.id });
  $("list").querySelector(`[data-id="${CSS.escape(made.id)}"] input`)?.focus();
}

function freeId(kind) {
  const stem = { zone: "zona", line: "linea", mask: "mascara" }[kind];
  const taken = new Set(shapes[kind].map((one) => one.id));
  let number = 1;
  while (taken.has(`${stem}-${file.camera}-${number}`)) number += 1;
  return `${stem}-${file.camera}-${number}`.slice(-64);
}

function undo() {
  draft?.points.pop();
  refresh();
}

function cancel() {
  draft = null;
  refresh();
}

const note = (code, facts) => {
  $("doing").textContent = say(code, facts);
};

function pointOf(event) {
  const box = $("shapes").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function near(event, [x, y]) {
  const box = $("shapes").getBoundingClientRect();
  return Math.hypot(event.clientX - box.left - x * box.width, event.clientY - box.top - y * box.height) <= 10;
}

function cornersOfAll() {
  const found = [];
  for (const one of [...shapes.mask, ...shapes.zone]) one.polygon.forEach((_, n) => found.push([one.polygon, n]));
  for (const one of shapes.zone) one.axis?.forEach((_, n) => found.push([one.axis, n]));
  for (const one of shapes.line) one.points.forEach((_, n) => found.push([one.points, n]));
  return found;
}

function pressed(event) {
  if (event.button !== 0) return;
  $("stage").focus();
  event.preventDefault();
  if (draft) {
    const isClosed = draft.points.length >= NEEDS[draft.kind] && near(event, draft.points[0]);
    if (isClosed) finish();
    else put(pointOf(event));
    return;
  }
  dragged = cornersOfAll().find(([points, n]) => near(event, points[n])) ?? null;
  if (dragged) $("stage").setPointerCapture(event.pointerId);
}

function moved(event) {
  if (!dragged) return;
  const [points, n] = dragged;
  points[n] = pointOf(event).map(round);
  paint();
}

function released() {
  if (dragged) changed();
  dragged = null;
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function keyed(event) {
  if (!draft || event.ctrlKey || event.altKey || event.metaKey) return;
  const way = WAYS[event.key];
  const step = event.shiftKey ? 0.005 : 0.05;
  if (way) cross = [round(cross[0] + way[0] * step), round(cross[1] + way[1] * step)];
  else if (event.key === "Enter" || event.key === " ") put([...cross]);
  else if (event.key === "Backspace") undo();
  else if (event.key === "Escape") cancel();
  else if (event.key === "t" || event.key === "T") finish();
  else return;
  event.preventDefault();
  paint();
}

// --- what is shown --------------------------------------------------------------------------------------------------

function paint() {
  easel.paint({
    zones: shapes.zone, lines: shapes.line, masks: shapes.mask,
    draft: draft?.points, cross: draft ? cross : null, seen,
  });
}

function refresh() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-t]")) {
    if (one.id !== "head" || !trial) one.textContent = say(one.dataset.t);
  }
  document.title = `CIOR – ${say("title")} ${file?.camera ?? ""}`;
  $("language").textContent = say("other");
  $("language").lang = language === "es" ? "en" : "es";
  $("stage").setAttribute("aria-label", say("stage"));
  $("tools").setAttribute("aria-label", say("picture"));
  $("stage").classList.toggle("drawing", draft !== null);
  for (const one of document.querySelectorAll("[data-tool]")) {
    one.setAttribute("aria-pressed", String(draft?.kind === one.dataset.tool));
  }
  $("finish").disabled = !draft || draft.points.length < NEEDS[draft.kind];
  $("undo").disabled = !draft?.points.length;
  $("cancel").disabled = !draft;
  if (draft) note("drawing", { what: say(draft.kind), count: draft.points.length });
  else $("doing").textContent = file && !file.sees_classes ? say("engine_none") : "";
  if (file) list();
  paint();
}

// A change by a button makes the list anew; the focus stays at its place in it.
function list() {
  const places = () => [...$("list").querySelectorAll("button, input, textarea, select, summary")];
  const focused = places().indexOf(document.activeElement);
  const all = ["zone", "line", "mask"].flatMap((kind) => shapes[kind].map((one) => [kind, one]));
  $("nothing").hidden = all.length > 0;
  field.count = 0;
  $("list").replaceChildren(...all.map(([kind, one]) => card(kind, one)));
  if (focused >= 0) places()[Math.min(focused, places().length - 1)]?.focus();
}

// A field's change leaves the list as it is: the focus is on its way to the next one.
const edited = () => {
  isDirty = true;
  paint();
};

function field(label, value, set, facts = {}) {
  const given = make(facts.rows ? "textarea" : "input", { value, onchange: (event) => set(event.target), ...facts });
  return labelled(label, given);
}

function labelled(label, given) {
  given.id = `field-${(field.count = (field.count ?? 0) + 1)}`;
  return make("div", { className: "row" }, make("label", { htmlFor: given.id }, label), given);
}

const button = (text, act, facts = {}) =>
  make("button", { type: "button", className: "small", onclick: act, ...facts }, text);

function card(kind, one) {
  const points = kind === "line" ? "points" : "polygon";
  const isNew = !file[kind].some((row) => row.id === one.id);
  const rows = [
    field(say("id"), one.id, (input) => rename(kind, one, input.value), { readOnly: !isNew, maxLength: 64 }),
    field(say("name"), one.name ?? "", (input) => { one.name = input.value; edited(); }),
    field(say("points"), writePoints(one[points]), (input) => {
      const read = readPoints(input.value);
      if (read && read.length >= NEEDS[kind] && (kind !== "line" || read.length === 2)) {
        one[points] = read;
        edited();
      } else {
        input.value = writePoints(one[points]);
        note("bad_points");
      }
    }, { rows: 2 }),
  ];
  if (kind === "line") rows.push(...sides(one));
  const acts = make("div", { className: "adding" });
  if (kind === "line") acts.append(button(say("turn"), () => { one.points.reverse(); changed(); }));
  if (kind === "zone") {
    acts.append(button(say("set_axis"), () => begin("axis", one)));
    if (one.axis) acts.append(button(say("no_axis"), () => { delete one.axis; changed(); }));
  }
  acts.append(button(say("remove"), () => remove(kind, one), { ariaLabel: `${say("remove")} ${one.id}` }));
  const group = make("fieldset", {}, make("legend", {}, `${say(kind)} ${one.name || one.id}`), ...rows, acts);
  if (kind !== "mask") group.append(rulesOf(kind, one));
  return make("li", { className: kind, "data-id": one.id }, group);
}

function sides(one) {
  const set = (n) => (input) => {
    const both = [...(one.sides ?? ["A", "B"])];
    both[n] = input.value || "AB"[n];
    one.sides = both;
    edited();
  };
  const [a, b] = one.sides ?? ["A", "B"];
  return [field(say("side_a"), a, set(0)), field(say("side_b"), b, set(1))];
}

const kindName = (kind) => WORDS[language].kinds[kind] ?? kind;

function rulesOf(kind, one) {
  const mine = rules.filter((rule) => rule.place === one.id && (rule.kind === "line_crossing") === (kind === "line"));
  const rows = mine.map((rule) =>
    make("li", {}, `${kindName(rule.kind)}: ${rule.id} `, button(say("take_out"), () => takeOut(rule), {
      ariaLabel: `${say("take_out")} ${rule.id}`,
    }), valuesOf(rule)),
  );
  const kinds = make("select", { ariaLabel: `${say("rule")} ${one.id}` });
  kinds.append(...file.kinds[kind].map((each) => make("option", { value: each }, kindName(each))));
  const people = make("input", { type: "number", min: 2, max: 1000, value: 5, ariaLabel: say("people"), hidden: true });
  kinds.addEventListener("change", () => { people.hidden = !file.kinds.counted.includes(kinds.value); });
  const add = button(say("add"), () => addRule(kinds.value, one, Number(people.value)), {
    ariaLabel: `${say("add")} ${say("rule")} ${one.id}`,
  });
  return make("div", { className: "rules" }, `${say("rules")}:`, make("ul", {}, ...rows),
    make("div", { className: "adding" }, kinds, people, add));
}

// What a rule may be given: an empty field is what the rule has of itself, which stands in it in grey.
function valuesOf(rule) {
  const rows = file.parameters[rule.kind].map((one) => parameter(rule, one));
  const told = rule.isNew ? say("own") : `${say("own")} ${say("version", rule)}`;
  return make("details", {
    open: opened.has(rule.id),
    ontoggle: (event) => (event.target.open ? opened.add(rule.id) : opened.delete(rule.id)),
  }, make("summary", { ariaLabel: `${say("values")} ${rule.id}` }, say("values")), make("p", { className: "fine" }, told), ...rows);
}

const written = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));

function parameter(rule, one) {
  const { name } = one;
  const label = WORDS[language].parameters[name] ?? name;
  const value = written(name in rule.values ? rule.values[name] : rule.given[name]);
  const set = (input) => {
    const read = readValue(one, input);
    if (read === undefined) {
      input.value = value;
      return note("bad_value", { label, bounds: bounds(one) });
    }
    if (written(read) === written(rule.given[name])) delete rule.values[name];
    else rule.values[name] = read;
    $("doing").textContent = "";
    edited();
  };
  if (one.form === "choice") {
    const words = WORDS[language].choices;
    const options = one.choices.map((each) => make("option", { value: each }, words[each] ?? each));
    const choice = make("select", { title: name, onchange: (event) => set(event.target) }, ...options);
    choice.value = value || one.own;
    return labelled(label, choice);
  }
  const number = { type: "number", step: one.form === "whole" ? 1 : "any", min: one.least ?? "", max: one.most ?? "" };
  const facts = one.form === "texts" ? { type: "text" } : number;
  return field(label, value, set, { ...facts, title: name, placeholder: written(one.own) });
}

// Undefined: not to be read; null: what the rule has of itself.
function readValue(one, input) {
  const text = input.value.trim();
  if (!input.validity.valid || (!text && one.own === undefined)) return undefined;
  if (!text) return null;
  if (one.form === "choice") return text;
  return one.form === "texts" ? text.split(",").map((each) => each.trim()).filter(Boolean) : Number(text);
}

function bounds({ least, most }) {
  if (least === undefined) return "";
  return most === undefined ? `≥ ${least}` : `${least}–${most}`;
}

function addRule(kind, one, people) {
  const taken = new Set([...rules, ...file.rules].map((rule) => rule.id));
  let id = `${kind}-${one.id}`.slice(0, 60);
  for (let number = 2; taken.has(id); number += 1) id = `${`${kind}-${one.id}`.slice(0, 60)}-${number}`;
  const values = file.kinds.counted.includes(kind) ? { people } : {};
  rules.push({ id, kind, place: one.id, isNew: true, given: {}, values });
  changed();
}

function takeOut(rule) {
  rules = rules.filter((each) => each !== rule);
  if (!rule.isNew) without.push(rule.id);
  changed();
}

function remove(kind, one) {
  shapes[kind] = shapes[kind].filter((each) => each !== one);
  if (kind !== "mask") {
    rules.filter((rule) => rule.place === one.id && (rule.kind === "line_crossing") === (kind === "line")).forEach(takeOut);
  }
  changed();
  $("stage").focus();
}

function rename(kind, one, id) {
  for (const rule of rules) {
    if (rule.isNew && rule.place === one.id && (rule.kind === "line_crossing") === (kind === "line")) rule.place = id;
  }
  one.id = id;
  edited();
}

const clock = (s) => `${String(Math.floor(s / 60)).padStart(2, "0")}:${(s % 60).toFixed(1).padStart(4, "0")}`;

function showTrial() {
  if (!trial) return;
  const facts = { ...trial, length: trial.length_s };
  $("head").textContent = say("head", facts) + (trial.fired.length ? "" : ` ${say("none")}`);
  $("fired").replaceChildren(...trial.fired.map(firedRow));
  $("conditions").replaceChildren(...trial.conditions.map((one) => make("li", {}, say("condition", {
    from: clock(one.from_s), to: one.to_s === null ? say("the_end") : clock(one.to_s), condition: one[language],
  }))));
  $("t-notes").hidden = !trial.notes.length;
  $("notes").replaceChildren(
    ...trial.notes.map((one) => make("li", {}, one.rule ? make("strong", {}, `${one.rule}: `) : "", one[language])),
  );
}

function firedRow(one) {
  const end = one.kind === "line_crossing" ? say("once")
    : one.end_s === null ? say("open") : say("until", { at: clock(one.end_s) });
  const alone = one.alerting === "always" ? "" : ` (${say("alone")})`;
  const label = language === "es" ? one.label_es : one.label;
  return make("li", {},
    make("span", { className: "level" }, one.level), `${clock(one.told_s)} ${one[language]}${alone} `,
    button(say("show"), () => see(one), { ariaLabel: `${say("show")} ${clock(one.told_s)} ${one.rule}` }),
    make("div", { className: "fine" }, say("facts", { ...one, label, tracks: one.tracks.join(", ") || "–", end })),
  );
}

async function see(one) {
  draft = null;
  seen = one.box;
  $("second").value = String(one.told_s);
  $("clock").textContent = clock(one.told_s);
  refresh();
  await showStill(one.told_s);
}

// --- begin ----------------------------------------------------------------------------------------------------------

let waiting = 0;
$("second").addEventListener("input", () => {
  const at = Number($("second").value);
  $("clock").textContent = clock(at);
  seen = null;
  clearTimeout(waiting);
  waiting = setTimeout(() => showStill(at), 150);
});
$("stage").addEventListener("pointerdown", pressed);
$("stage").addEventListener("pointermove", moved);
$("stage").addEventListener("pointerup", released);
$("stage").addEventListener("keydown", keyed);
for (const one of document.querySelectorAll("[data-tool]")) {
  one.addEventListener("click", () => begin(one.dataset.tool));
}
$("finish").addEventListener("click", finish);
$("undo").addEventListener("click", undo);
$("cancel").addEventListener("click", cancel);
$("try").addEventListener("click", tryIt);
$("save").addEventListener("click", save);
$("language").addEventListener("click", () => {
  language = language === "es" ? "en" : "es";
  refresh();
  showTrial();
});
window.addEventListener("beforeunload", (event) => {
  if (isDirty) event.preventDefault();
});

refresh();
try {
  await enter();
  await load();
  $("clock").textContent = clock(0);
  refresh();
  await showStill(0);
} catch (error) {
  tell(error);
}
