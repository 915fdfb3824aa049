/* Raw records in sealed boxes: a box opened with its own key (XSalsa20-Poly1305, MessagePack), closed ones, none passed over. */
const BOX_MAGIC = "cior.box.2\n", MOST_SEALED_BYTES = 8 * 1024 * 1024, MOST_EVENT_BYTES = 4 * 1024 * 1024, MOST_VALUES = 100000;
const SIGMA = wordsOf(textBytes("expand 32-byte k"));
const QUARTERS = [[0, 4, 8, 12], [5, 9, 13, 1], [10, 14, 2, 6], [15, 3, 7, 11], [0, 1, 2, 3], [5, 6, 7, 4], [10, 11, 8, 9], [15, 12, 13, 14]];
function wordsOf(bytes) {
  return Array.from({ length: bytes.length / 4 }, (_, n) => (bytes[4 * n] | (bytes[4 * n + 1] << 8) | (bytes[4 * n + 2] << 16) | (bytes[4 * n + 3] << 24)) >>> 0);
}
const bytesOfWords = (words) => Uint8Array.from(words.flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]));
const turned = (value, by) => (value << by) | (value >>> (32 - by));
const salsaState = (key, inner) => [SIGMA[0], ...key.slice(0, 4), SIGMA[1], ...inner, SIGMA[2], ...key.slice(4), SIGMA[3]];
function salsaRounds(state) {
  const x = Int32Array.from(state);
  for (let round = 0; round < 10; round += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] ^= turned(x[a] + x[d], 7); x[c] ^= turned(x[b] + x[a], 9); x[d] ^= turned(x[c] + x[b], 13); x[a] ^= turned(x[d] + x[c], 18);
    }
  }
  return Array.from(x, (word) => word >>> 0);
}
function xsalsa(key, nonce, size) {
  const n = wordsOf(nonce), x = salsaRounds(salsaState(wordsOf(key), n.slice(0, 4)));
  const own = [x[0], x[5], x[10], x[15], ...x.slice(6, 10)], out = new Uint8Array(Math.ceil(size / 64) * 64);
  for (let number = 0; number * 64 < size; number += 1) {
    const state = salsaState(own, [n[4], n[5], number, 0]), mixed = salsaRounds(state);
    out.set(bytesOfWords(state.map((word, at) => (word + mixed[at]) >>> 0)), number * 64);
  }
  return out.subarray(0, size);
}
function poly1305(message, key) {
  const r = littleOf(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn, s = littleOf(key.subarray(16, 32)), p = (1n << 130n) - 5n;
  let total = 0n;
  for (let at = 0; at < message.length; at += 16) total = ((total + littleOf(joined(message.subarray(at, at + 16), Uint8Array.of(1)))) * r) % p;
  return (total + s) & ((1n << 128n) - 1n);
}
class Packed {
  constructor(content) { this.content = content; this.at = 0; this.values = 0; }
  take(size) {
    if (this.at + size > this.content.length) throw new Malformed("MessagePack: cut");
    this.at += size;
    return this.content.subarray(this.at - size, this.at);
  }
  number(size) { return this.take(size).reduce((total, byte) => total * 256 + byte, 0); }
  value(depth = 0) {
    this.values += 1;
    if (depth > 16 || this.values > MOST_VALUES) throw new Malformed("MessagePack: deep or long");
    const kind = this.number(1);
    if (kind < 0x80) return kind;
    if (kind >= 0xe0) return kind - 256;
    if (kind < 0x90 || kind === 0xde || kind === 0xdf) return this.pairs(kind < 0x90 ? kind & 15 : this.number(2 << (kind - 0xde)), depth);
    if (kind < 0xa0 || kind === 0xdc || kind === 0xdd) {
      const found = [], count = kind < 0xa0 ? kind & 15 : this.number(2 << (kind - 0xdc));
      for (let n = 0; n < count; n += 1) found.push(this.value(depth + 1));
      return found;
    }
    if (kind < 0xc0 || (kind >= 0xd9 && kind <= 0xdb)) return this.text(kind < 0xc0 ? kind & 31 : this.number(1 << (kind - 0xd9)));
    if (kind === 0xc0) return null;
    if (kind === 0xc2 || kind === 0xc3) return kind === 0xc3;
    if (kind >= 0xc4 && kind <= 0xc6) return this.take(this.number(1 << (kind - 0xc4)));
    if (kind === 0xca || kind === 0xcb) { this.take(kind === 0xca ? 4 : 8); return 0.5; }
    if (kind >= 0xcc && kind <= 0xd3) return this.number(1 << ((kind - 0xcc) & 3));
    throw new Malformed("MessagePack: type");
  }
  text(size) {
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(size)); } catch { throw new Malformed("MessagePack: UTF-8"); }
  }
  pairs(count, depth) {
    const found = Object.create(null);
    for (let n = 0; n < count; n += 1) {
      const name = this.value(depth + 1);
      if (typeof name !== "string" || name in found) throw new Malformed("MessagePack: key");
      found[name] = this.value(depth + 1);
    }
    return found;
  }
}
function unpacked(content) {
  const reader = new Packed(content), value = reader.value();
  if (reader.at !== content.length) throw new Malformed("MessagePack: tail");
  return value;
}
const isBytes = (value) => value instanceof Uint8Array;
function openBox(box, key) {
  const magic = textBytes(BOX_MAGIC);
  const sealed = magic.every((byte, n) => box[n] === byte) ? unpacked(box.subarray(magic.length)) : null;
  const content = isObject(sealed) ? sealed.content : null;
  if (!isBytes(content) || content.length < 40 || key.length !== 32) throw new Malformed("box");
  const hidden = content.subarray(40), stream = xsalsa(key, content.subarray(0, 24), 32 + hidden.length);
  if (poly1305(hidden, stream.subarray(0, 32)) !== littleOf(content.subarray(24, 40))) throw new Malformed("Poly1305");
  const plain = hidden.map((byte, n) => byte ^ stream[32 + n]), length = plain.length < 4 ? -1 : wordAt(plain, 0);
  if (length < 0 || length > plain.length - 4) throw new Malformed("length");
  const found = unpacked(plain.subarray(4, 4 + length));
  if (!isObject(found) || isBytes(found)) throw new Malformed("content");
  return found;
}

const RAW_ROWS = "bag/data/crudo/indice.jsonl", EVENT_ROWS = "bag/data/eventos/indice.jsonl", BOXES = "data/crudo/", BOX_ENDING = ".sobre";
async function checkBoxes(folder, request, payload, report) {
  const rows = folder.has(RAW_ROWS) ? (await readLines(folder, RAW_ROWS, report)).map(([, row]) => row) : [];
  const gaps = await readClosed(folder, report), known = new Map(), named = [];
  let latest = null;
  const knows = (row, digest) => known.set(String(row.registro), (known.get(String(row.registro)) || new Set()).add(String(digest)));
  for (const row of rows) {
    const opened = "sobre" in row || "apertura" in row;
    knows(row, opened ? await checkOpened(folder, payload, row, named, report) : row.sha256);
    for (const digest of await ofStretch(folder, row)) knows(row, digest);
    const at = opened ? whenOpened(row, report) : null;
    latest = at === null ? latest : Math.max(at, latest === null ? at : latest);
  }
  for (const row of gaps) { knows(row, row.sha256); checkClosed(payload, row, named, report); }
  for (const path of [...payload.keys()].filter((each) => each.startsWith(BOXES) && each.endsWith(BOX_ENDING))) if (!named.includes(path)) report.say("box.unlisted", `bag/${path}`);
  for (const path of new Set(named.filter((each, n) => named.indexOf(each) !== n))) report.say("box.digest", `bag/${path}`);
  await checkEvents(folder, request, known, report);
  report.facts.sobres = `${named.length - gaps.length} + ${gaps.length}`;
  return latest;
}
async function readClosed(folder, report) {
  const told = folder.has(GAPS) ? await readObject(folder, GAPS, report) : EMPTY, rows = "crudos" in told ? told.crudos : [];
  if (Array.isArray(rows) && rows.every(isObject)) return rows;
  report.say("meta.field", GAPS, "crudos");
  return [];
}
async function checkOpened(folder, payload, row, named, report) {
  const where = `bag/${row.archivo}`, told = isObject(row.sobre) ? row.sobre : EMPTY, path = String(told.archivo), digest = String(told.sha256);
  named.push(path);
  if (payload.get(path) !== digest) { report.say("box.digest", where, path); return digest; }
  try {
    const box = await folder.read(`bag/${path}`, MOST_SEALED_BYTES), delivered = folder.has(where) ? await folder.read(where, MOST_SEALED_BYTES) : null;
    if (box === null || delivered === null || !/^[0-9a-f]{64}$/.test(String(told.clave))) throw new Malformed("box");
    const found = openBox(box, bytesOf(told.clave)), held = isBytes(found.payload) ? found.payload : new Uint8Array();
    if (!isBytes(found.payload) || held.length !== delivered.length || held.some((byte, n) => byte !== delivered[n]) || found.sha256 !== row.sha256_recibido) report.say("box.content", where, path);
  } catch (why) { if (!(why instanceof Malformed)) throw why; report.say("box.key", where, why.message); }
  return digest;
}
function whenOpened(row, report) {
  const said = isObject(row.apertura) ? row.apertura : EMPTY, handed = instant(said.entregada);
  if (handed === null || instant(said.momento) === null || ["quien", "motivo", "entregada_por"].some((name) => !String(said[name] || "").trim())) report.say("box.opening", `bag/${row.archivo}`);
  return handed;
}
function checkClosed(payload, row, named, report) {
  const path = String(row.archivo);
  named.push(path);
  if (payload.get(path) !== row.sha256 || !path.startsWith(BOXES) || !path.endsWith(BOX_ENDING)) report.say("box.digest", GAPS, path);
  else if (row.causa !== "sealed_not_opened" || instant(row.recibido) === null) report.say("meta.field", GAPS, "crudos: causa, recibido");
  else report.say("box.closed", `bag/${path}`);
}
async function checkEvents(folder, request, known, report) {
  for (const [, row] of folder.has(EVENT_ROWS) ? await readLines(folder, EVENT_ROWS, report) : []) {
    const where = `bag/${row.archivo}`, raw = await rawOf(folder, where);
    if (raw === null) continue;
    if (known.has(raw.raw_id)) { if (!known.get(raw.raw_id).has(String(raw.sha256))) report.say("raw.other", where, raw.raw_id); } else if (request.reservado === 0) report.say("raw.hidden", where, raw.raw_id);
  }
}
/** A camera's event names the digest of what had come until then: its stretch lists each. */
async function ofStretch(folder, row) {
  const path = `bag/${row.archivo}`;
  if (row.tipo_contenido !== "application/vnd.cior.camera-stretch+json" || !folder.has(path)) return [];
  let stretch = null;
  try { stretch = StrictJson.parse(await folder.read(path, MOST_EVENT_BYTES)); } catch (why) { if (!(why instanceof NotStrict)) throw why; }
  const events = isObject(stretch) && Array.isArray(stretch.events) ? stretch.events : [];
  return events.filter(isObject).map((each) => String(each.sha256));
}
async function rawOf(folder, where) {
  const content = folder.has(where) ? await folder.read(where, MOST_EVENT_BYTES) : null;
  let event = null;
  try { event = content === null ? null : StrictJson.parse(content); } catch (why) { if (!(why instanceof NotStrict)) throw why; }
  const raw = isObject(event) && isObject(event.data) ? event.data.raw : null;
  return isObject(raw) && typeof raw.raw_id === "string" ? raw : null;
}
