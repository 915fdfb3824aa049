/* JSON that means one thing, and what the files of meta/ must agree on. */
class NotStrict extends Error { constructor(code, detail) { super(detail); this.code = code; } }
class StrictJson {
  constructor(text) { this.text = text; this.at = 0; this.depth = 0; }
  static parse(bytes) {
    let text;
    try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { throw new NotStrict("meta.malformed", "UTF-8"); }
    const reader = new StrictJson(text), value = reader.value();
    reader.space();
    if (reader.at !== text.length) throw reader.bad();
    return value;
  }
  bad(code = "meta.malformed") { return new NotStrict(code, `@${this.at}`); }
  space() { while (" \t\n\r".includes(this.text[this.at]) && this.at < this.text.length) this.at += 1; }
  take(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at += match[0].length;
    return match ? match[0] : null;
  }
  value() {
    this.space();
    const char = this.text[this.at];
    if (char === "{" || char === "[") {
      this.depth += 1;
      if (this.depth > 32) throw this.bad();
      const value = char === "{" ? this.object() : this.array();
      this.depth -= 1;
      return value;
    }
    if (char === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) if (this.text.startsWith(word, this.at)) { this.at += word.length; return value; }
    if (/^(NaN|-?Infinity)/.test(this.text.slice(this.at, this.at + 9))) throw this.bad("meta.number");
    const number = this.take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number === null) throw this.bad();
    if (number.length > 24 || !Number.isFinite(Number(number))) throw this.bad("meta.number");
    return /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)) ? BigInt(number) : Number(number);
  }
  string() {
    const raw = this.take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    if (raw === null) throw this.bad();
    return JSON.parse(raw);
  }
  object() {
    const found = Object.create(null);
    this.at += 1; this.space();
    if (this.take(/}/y)) return found;
    for (;;) {
      this.space();
      const name = this.string();
      this.space();
      if (!this.take(/:/y)) throw this.bad();
      if (name in found) throw new NotStrict("meta.duplicate", name);
      found[name] = this.value();
      this.space();
      if (this.take(/}/y)) return found;
      if (!this.take(/,/y)) throw this.bad();
    }
  }
  array() {
    const found = [];
    this.at += 1; this.space();
    if (this.take(/]/y)) return found;
    for (;;) {
      found.push(this.value());
      this.space();
      if (this.take(/]/y)) return found;
      if (!this.take(/,/y)) throw this.bad();
    }
  }
}
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isObject(value)) return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}
const EMPTY = Object.freeze(Object.create(null));
async function readMeta(folder, path, report) {
  if (!folder.has(path)) { report.say("meta.missing", path); return null; }
  const found = await folder.read(path, MOST_JSON_BYTES);
  if (found === null) report.say("file.unreadable", path);
  return found;
}
async function readObject(folder, path, report) {
  const found = await readMeta(folder, path, report);
  if (found === null) return EMPTY;
  try {
    const value = StrictJson.parse(found);
    if (isObject(value)) return value;
    report.say("meta.malformed", path);
  } catch (why) { if (!(why instanceof NotStrict)) throw why; report.say(why.code, path, why.message); }
  return EMPTY;
}
async function readLines(folder, path, report) {
  const found = await readMeta(folder, path, report), rows = [];
  if (found === null || !found.length) return rows;
  if (found[found.length - 1] !== 10) report.say("meta.malformed", path, "LF");
  let at = 0, number = 0;
  let end = found.length;
  while (end > 0 && found[end - 1] === 10) end -= 1;
  while (at <= end && end > 0) {
    let stop = found.indexOf(10, at);
    if (stop < 0 || stop > end) stop = end;
    number += 1;
    if (number > 500000) { report.say("meta.malformed", path, "> 500000"); return []; }
    try {
      const value = StrictJson.parse(found.subarray(at, stop));
      if (isObject(value)) rows.push([number, value]); else report.say("meta.malformed", path, number);
    } catch (why) { if (!(why instanceof NotStrict)) throw why; report.say(why.code, path, `${number}: ${why.message}`); }
    at = stop + 1;
    if (stop === end) break;
  }
  return rows;
}

const META = "bag/meta/", REQUEST = `${META}solicitud.json`, CUSTODY = `${META}custodia.jsonl`, TOOLS = `${META}herramientas.json`;
const PROFILE = "CIOR-Bag-1", NEGATIVE = "constancia_negativa", NATIVE = "data/nativo/", VIEWS = "data/vista/";
const VIEW = "copia_de_vista", REDACTED = "copia_velada";
const person = (request, name) => (isObject(request[name]) && request[name].id ? String(request[name].id) : "");

async function checkContents(folder, payload, report) {
  const request = await readObject(folder, REQUEST, report);
  if (request !== EMPTY) await checkRequest(folder, request, payload, report);
  const [last, times] = await checkCustody(folder, request, report);
  const taken = (where, row, name) => { const at = instant(row[name]); if (at === null) report.say("meta.field", where, name); times.push(at); };
  for (const [name, field] of [["accesos.jsonl", "momento"], ["salud.jsonl", "desde"]]) for (const [, row] of await readLines(folder, META + name, report)) taken(META + name, row, field);
  times.push(instant(request.creado));
  for (const [where, below, ending] of [["bag/data/eventos/indice.jsonl", "data/eventos/", ".json"], ["bag/data/crudo/indice.jsonl", "data/crudo/", ".bin"]]) {
    const files = new Set([...payload.keys()].filter((path) => path.startsWith(below) && path.endsWith(ending))), listed = new Set();
    for (const [number, row] of folder.has(where) ? await readLines(folder, where, report) : []) {
      const path = String(row.archivo);
      if (listed.has(path) || !payload.has(path) || row.sha256 !== payload.get(path)) report.say("index.digest", `${where}:${number}`, path);
      listed.add(path);
      taken(where, row, "recibido");
    }
    for (const path of files) if (!listed.has(path)) report.say("index.unlisted", `bag/${path}`);
  }
  const tools = await readObject(folder, TOOLS, report);
  if (!isObject(tools.verificadores)) report.say("verifier.unsealed", TOOLS);
  else for (const name of TOP_FILES) if (folder.has(name) && tools.verificadores[name] !== (await folder.digests(name))[0]) report.say("verifier.replaced", name);
  const known = times.filter((at) => at !== null);
  return { request, tools, last, latest: known.length ? known.reduce((a, b) => Math.max(a, b)) : null };
}
async function checkRequest(folder, request, payload, report) {
  for (const name of ["paquete", "cuij"]) if (typeof request[name] !== "string") report.say("meta.field", REQUEST, name);
  if (request.formato !== PROFILE || !["entrega", NEGATIVE, VIEW, REDACTED].includes(request.tipo)) report.say("meta.field", REQUEST, "formato, tipo");
  for (const name of ["paquete", "cuij", "tipo"]) report.facts[name] = String(request[name]);
  const approver = person(request, "aprobada_por");
  if (!approver || [person(request, "pedida_por"), person(request, "armada_por")].includes(approver)) report.say("request.oneperson", REQUEST, approver);
  const denied = Array.isArray(request.negativas) && request.negativas.length > 0;
  if (request.tipo === NEGATIVE && (!denied || [...payload.keys()].some((path) => path.startsWith(NATIVE)))) report.say("request.negative", REQUEST);
  const labels = await info(folder);
  for (const [label, wanted] of [["BagIt-Profile-Identifier", PROFILE], ["External-Identifier", request.cuij], ["Internal-Sender-Identifier", request.paquete]]) {
    const values = labels.get(label) || [];
    if (values.length !== 1 || values[0] !== wanted) report.say("id.mixed", "bag/bag-info.txt", label);
  }
}
async function checkCustody(folder, request, report) {
  let last = sha256(textBytes(`${PROFILE}\n${request.paquete}\n`)), latest = null, act = null;
  const times = [];
  for (const [number, row] of await readLines(folder, CUSTODY, report)) {
    const where = `${CUSTODY}:${number}`, own = { ...row };
    if (row.previo !== last || row.seq !== number) report.say(number === 1 && row.seq === 1 ? "id.mixed" : "custody.link", where);
    delete own.hash;
    last = String(row.hash);
    if (last !== sha256(textBytes(canonical(own)))) report.say("custody.hash", where);
    const at = instant(row.momento);
    if (at === null) report.say("meta.field", where, "momento");
    if (at !== null && latest !== null && at < latest) report.say("custody.order", where);
    latest = at === null ? latest : at; act = row.acto;
    times.push(at);
  }
  if (act !== "armado") report.say("custody.end", CUSTODY);
  return [last, times];
}
