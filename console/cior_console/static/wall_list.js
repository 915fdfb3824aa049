// The list: every alert that the server sent is in it, and only what is seen is drawn. It computes no level and leaves
// nothing out: alerts that core put on one line are one row that says how many they are and opens. What is new is said
// above the list until it was in view, wherever somebody scrolled to.
"use strict";
const ROW_REM = 5.5, SPARE_ROWS = 6, SEEN_AFTER_MS = 4000, SAY_EVERY_MS = 1500;
const measuredRow = () => ROW_REM * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
let rowPx = measuredRow();
const alerts = new Map(), opened = new Set(), fresh = new Set();
const unseen = new Map();    // id → when it came to this page; life at risk, nobody took it, not yet in view for long
const inView = new Map();    // key of a row → since when it is in view
let entries = [], rowOf = new Map(), lined = new Set(), selected = null, anchor = null, saidAt = 0, saidWords = "";

const mustShow = (alert) => alert.life_safety && alert.status === "open";
// The server gives each row its key in the one queue; here keys are only compared, element by element.
function order(a, b) {
  for (let n = 0; n < a.order.length; n++) if (a.order[n] !== b.order[n]) return a.order[n] < b.order[n] ? -1 : 1;
  return 0;
}

function gather() {
  const rows = [...alerts.values()].sort(order), lines = new Map();
  for (const one of rows) if (one.group) (lines.get(one.group) || lines.set(one.group, []).get(one.group)).push(one);
  entries = []; rowOf = new Map(); lined = new Set();
  const put = (entry) => { rowOf.set(entry.key, entries.length); entries.push(entry); };
  for (const one of rows) {
    const members = one.group ? lines.get(one.group) : null;
    if (!members || members.length < 2) { put({ key: one.id, alert: one, depth: 1 }); continue; }
    lined.add(one.id);
    if (members[0] !== one) continue;  // the line stands where its first one would
    const key = `line:${one.group}`, isOpen = opened.has(key);
    put({ key, members, isOpen, depth: 1 });
    members.forEach((each) => { if (isOpen) put({ key: each.id, alert: each, depth: 2, line: key });
      else rowOf.set(each.id, entries.length - 1); });
  }
  return rows;
}

// What shares a line is told as a number, opened or not: who opens a flood does not let it into the news.
const isLine = (alert) => lined.has(alert.id);
const isListed = (entry) => entry && entry.key !== undefined;

function alertRow(entry) {
  const alert = entry.alert, name = el("span", { class: "name" }, alert[`name_${lang}`]);
  for (const flag of ["drill", "degraded"]) if (alert[flag]) name.append(el("span", { class: "tag" }, word(flag)));
  const meta = [whereOf(alert), word(alert.status)];
  if (!alert.silent) {
    meta.push(`${count(alert.sources, "source1", "sourcesN")}, ${count(alert.signals, "signal1", "signalsN")}`);
  }
  if (alert.suppressed_by) meta.push(`${word("muted")} ${alert.suppressed_by}`);
  const why = el("span", { class: "why" });
  (alert.reasons || []).forEach((reason, n) => {
    if (n) why.append(" · ");
    if (reason.points) why.append(el("b", {}, (reason.points > 0 ? "+" : "") + reason.points), " ");
    why.append(reason[lang]);
  });
  why.title = why.textContent;
  const tone = alert.silent ? "silent" : alert.level;
  return [tone, { "data-id": alert.id, "data-level": alert.level }, alert.level, name, alert.opened_ms,
    meta.join(" · "), why];
}

function tally(members, of) {
  const found = new Map();
  for (const one of members) found.set(of(one), (found.get(of(one)) || 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}

function lineRow(entry) {
  const members = entry.members, first = members[0];
  const since = members.reduce((oldest, one) => Math.min(oldest, one.opened_ms), Infinity);
  const last = members.reduce((newest, one) => Math.max(newest, one.opened_ms), 0);
  const name = el("span", { class: "name" }, word("line", number(members.length)),
    el("span", { class: "tag" }, word(entry.isOpen ? "fold" : "unfold")));
  const levels = LEVELS.map((level) => [level, members.filter((one) => one.level === level).length]);
  const meta = levels.filter(([, n]) => n).map(([level, n]) => `${SHAPES[level]} ${level} ${number(n)}`);
  const start = new Date(since).toLocaleTimeString(lang, { hour12: false });
  meta.push(`${word("since")} ${start}`, `${word("last")} ${age(last)}`);
  const kinds = tally(members, (one) => one[`name_${lang}`]).slice(0, 3), places = tally(members, whereOf).slice(0, 3);
  const why = [...kinds, ...places].map(([what, n]) => `${what} ${number(n)}`).join(" · ");
  const about = { "data-line": entry.key, "data-level": first.level, "aria-expanded": String(entry.isOpen) };
  return [`${first.silent ? "silent" : first.level} line`, about, first.level, name, since, meta.join(" · "),
    el("span", { class: "why", title: why }, why)];
}

function draw(entry, at) {
  const [tone, about, level, name, since, meta, why] = entry.alert ? alertRow(entry) : lineRow(entry);
  const names = [tone, entry.depth > 1 ? "member" : "", fresh.has(entry.key) ? "new" : ""];
  const item = el("li", { ...about, id: `row-${entry.key}`, class: names.filter(Boolean).join(" "), role: "treeitem",
    "aria-level": entry.depth, "aria-setsize": entries.length, "aria-posinset": at + 1,
    "aria-selected": String(entry.key === selected) },
  el("span", { class: "level" }, `${SHAPES[level]} ${level}`), name,
  el("span", { class: "age", "data-since": since }, age(since)), el("span", { class: "meta" }, meta), why);
  item.style.transform = `translateY(${at * rowPx}px)`;
  return item;
}

// The rows between the edges of the view, and a few more; so thousands of alerts cost as much as twenty.
function seenRange() {
  const view = byId("view"), first = Math.floor(view.scrollTop / rowPx);
  return [first, Math.min(entries.length, Math.ceil((view.scrollTop + view.clientHeight) / rowPx))];
}

// Who reads further down keeps his place while others arrive above, or while the letters change.
function place(view, list) {
  list.style.height = `${entries.length * rowPx}px`;
  const at = anchor && rowOf.get(anchor.key);
  if (at !== null && at !== undefined && view.scrollTop > 0) view.scrollTop = at * rowPx + anchor.offset;
}

function drawList() {
  const rows = gather(), view = byId("view"), list = byId("list");
  place(view, list);
  drawWindow();
  byId("calm").hidden = rows.length > 0;
  fresh.clear();
  return rows;
}

function drawWindow() {
  const view = byId("view"), list = byId("list"), [first, end] = seenRange();
  const from = Math.max(0, first - SPARE_ROWS), to = Math.min(entries.length, end + SPARE_ROWS);
  list.replaceChildren(...entries.slice(from, to).map((entry, n) => draw(entry, from + n)));
  anchor = isListed(entries[first]) ? { key: entries[first].key, offset: view.scrollTop - first * rowPx } : null;
  const at = selected === null ? undefined : rowOf.get(selected);
  if (at !== undefined && at >= from && at < to && entries[at].key === selected) {
    list.setAttribute("aria-activedescendant", `row-${selected}`);
  } else list.removeAttribute("aria-activedescendant");
  look(first, end);
  tellNews(first, end);
}

// A row was seen when it stood in view for some seconds on a page that is shown.
function look(first, end) {
  const shown = new Set(document.hidden ? [] : entries.slice(first, end).map((entry) => entry.key));
  for (const key of inView.keys()) if (!shown.has(key)) inView.delete(key);
  for (const key of shown) if (!inView.has(key)) inView.set(key, performance.now());
  for (const id of [...unseen.keys()]) {
    const alert = alerts.get(id), entry = entries[rowOf.get(id)];
    if (!alert || !mustShow(alert)) { unseen.delete(id); continue; }
    const since = entry && inView.get(entry.key);
    if (since !== undefined && performance.now() - since > SEEN_AFTER_MS) unseen.delete(id);
  }
}

const byAge = (a, b) => b.opened_ms - a.opened_ms || (a.id < b.id ? 1 : -1);
function outOfView(first, end) {
  const waiting = [...alerts.values()].filter((one) => mustShow(one) && !isLine(one));
  return waiting.filter((one) => { const at = rowOf.get(one.id); return at < first || at >= end; }).sort(byAge);
}
const brief = (one) => `${SHAPES[one.level]} ${one.level} ${one[`name_${lang}`]}, ${whereOf(one)}`;

function tellNews(first, end) {
  const isNew = [...unseen.keys()].map((id) => alerts.get(id)).filter(Boolean);
  const own = isNew.filter((one) => !isLine(one)).sort(byAge), others = isNew.length - own.length;
  const away = outOfView(first, end);
  const parts = [];
  if (own.length) {
    const newest = own.slice(0, 2).map(brief).join(" · ");
    parts.push(`${word(own.length === 1 ? "news1" : "newsN", number(own.length))}: ${newest}`);
  }
  if (others) parts.push(word("lined", number(others)));
  say(parts.join(" · "));
  const hidden = away.length ? word(away.length === 1 ? "away1" : "awayN", number(away.length)) : "";
  const named = away.slice(0, 3).map((one) => `${brief(one)} (${age(one.opened_ms)})`).join(" · ");
  byId("away").textContent = hidden && `${hidden}: ${named}`;
  byId("jump").hidden = !own.length && !away.length && !others;
  byId("newsbar").classList.toggle("quiet", !parts.length && !hidden);
}

// A screen reader is told what is new, at most every second or two: in a flood the words are not talked over.
function say(words) {
  if (words === saidWords) return;
  const wait = words && saidWords ? saidAt + SAY_EVERY_MS - performance.now() : 0;
  if (wait > 0) return;  // the next second's look says it
  saidAt = performance.now(); saidWords = words;
  byId("news").textContent = words;
}

function bring(at, toTop) {
  const view = byId("view"), top = at * rowPx;
  if (toTop || top < view.scrollTop) view.scrollTop = top;
  else if (top + rowPx > view.scrollTop + view.clientHeight) view.scrollTop = top + rowPx - view.clientHeight;
  drawWindow();
}

function select(at, toTop = false) {
  if (!entries.length) return;
  const bounded = Math.max(0, Math.min(entries.length - 1, at));
  selected = entries[bounded].key;
  bring(bounded, toTop);
}

function toggle(key) {
  if (opened.has(key)) opened.delete(key); else opened.add(key);
  selected = key;
  drawList();
}

// To the newest that nobody saw, else to the newest that nobody took and that is out of view.
function jump() {
  const isNew = [...unseen.keys()].map((id) => alerts.get(id)).filter(Boolean).sort(byAge);
  const target = isNew.find((one) => !isLine(one)) || outOfView(...seenRange())[0] || isNew[0];
  if (!target) return;
  if (isLine(target)) opened.add(`line:${target.group}`);
  gather();
  byId("list").style.height = `${entries.length * rowPx}px`;
  unseen.delete(target.id);
  select(rowOf.get(target.id), true);
  byId("list").focus({ preventScroll: true });
}

function onKey(event) {
  const at = selected === null || rowOf.get(selected) === undefined ? seenRange()[0] - 1 : rowOf.get(selected);
  const page = Math.max(1, Math.floor(byId("view").clientHeight / rowPx) - 1), entry = entries[at];
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0,
    End: entries.length - 1 };
  if (event.key in moves) select(moves[event.key]);
  else if (["Enter", " "].includes(event.key) && entry && entry.members) toggle(entry.key);
  else if (event.key === "ArrowRight" && entry && entry.members && !entry.isOpen) toggle(entry.key);
  else if (event.key === "ArrowLeft" && entry && (entry.line || entry.isOpen)) {
    if (entry.line) select(rowOf.get(entry.line)); else toggle(entry.key);
  } else return;
  event.preventDefault();
}

function arrived(alert, isNews) {
  if (isNews && !alerts.has(alert.id)) {
    fresh.add(alert.id);
    if (mustShow(alert)) unseen.set(alert.id, now());
  }
  alerts.set(alert.id, alert);
}

// A larger screen has larger letters (wall.css), and more of the list in view.
new ResizeObserver(() => {
  rowPx = measuredRow();
  if (!entries.length) return;
  place(byId("view"), byId("list"));
  drawWindow();
}).observe(byId("view"));
byId("view").addEventListener("scroll", () => requestAnimationFrame(drawWindow), { passive: true });
byId("list").addEventListener("keydown", onKey);
byId("list").addEventListener("click", (event) => {
  const row = event.target.closest("li");
  if (!row) return;
  if (row.dataset.line) toggle(row.dataset.line); else { selected = row.dataset.id; drawWindow(); }
});
byId("jump").addEventListener("click", jump);
new ResizeObserver(() => drawWindow()).observe(byId("view"));
