/* DER as X.690 writes it: definite minimal lengths, low tags, limits on depth and number. */
class Malformed extends Error {}
class Trailing extends Malformed {}
class Weak extends Malformed {}
const MOST_DEPTH = 32, MOST_NODES = 200000, MOST_DER_BYTES = 16 * 1024 * 1024;

class Node_ {
  constructor(data, start, limit, depth) {
    if (depth > MOST_DEPTH || limit - start < 2) throw new Malformed("DER");
    const tag = data[start];
    if ((tag & 0x1f) === 0x1f) throw new Malformed("DER: high tag");
    let length = data[start + 1], body = start + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count < 1 || count > 4 || body + count > limit) throw new Malformed("DER: length");
      length = 0;
      for (let n = 0; n < count; n += 1) length = length * 256 + data[body + n];
      if (length < 0x80 || data[body] === 0) throw new Malformed("DER: length not minimal");
      body += count;
    }
    if (length > limit - body) throw new Malformed("DER: cut");
    Object.assign(this, { data, start, bodyStart: body, end: body + length, tag, depth, kept: null });
  }
  get raw() { return this.data.subarray(this.start, this.end); }
  get body() { return this.data.subarray(this.bodyStart, this.end); }
  get children() {
    if (this.kept === null) {
      if (!(this.tag & 0x20)) throw new Malformed("DER: primitive");
      const found = [];
      for (let at = this.bodyStart; at < this.end;) {
        if (found.length >= MOST_NODES) throw new Malformed("DER: too many values");
        const child = new Node_(this.data, at, this.end, this.depth + 1);
        found.push(child); at = child.end;
      }
      this.kept = found;
    }
    return this.kept;
  }
  want(tag) { if (this.tag !== tag) throw new Malformed("DER: tag"); return this; }
  sequence(least = 0, most = MOST_NODES) {
    const parts = this.want(0x30).children;
    if (parts.length < least || parts.length > most) throw new Malformed("DER: SEQUENCE");
    return parts;
  }
}
const first = (list) => { if (!list.length) throw new Malformed("DER: empty"); return list[0]; };
function readDer(data) {
  if (data.length > MOST_DER_BYTES) throw new Malformed("DER: too large");
  const node = new Node_(data, 0, data.length, 0);
  if (node.end !== data.length) throw new Trailing("DER: bytes behind the value");
  return node;
}
function oidOf(node) {
  const body = node.want(0x06).body;
  if (!body.length || body[body.length - 1] & 0x80 || body.length > 64) throw new Malformed("DER: oid");
  const arcs = [];
  let value = 0n;
  for (const byte of body) {
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (!(byte & 0x80)) { arcs.push(value); value = 0n; }
  }
  const head = arcs[0] < 80n ? arcs[0] / 40n : 2n;
  return [head, arcs[0] - 40n * head, ...arcs.slice(1)].join(".");
}
function intBytes(node) {
  const body = node.want(0x02).body;
  if (!body.length || body.length > 2048) throw new Malformed("DER: integer");
  return body;
}
const bigOf = (bytes) => BigInt(`0x${hexOf(bytes) || "0"}`);
function intOf(node) {
  const body = intBytes(node), value = bigOf(body);
  return body[0] & 0x80 ? value - (1n << BigInt(8 * body.length)) : value;
}
function bitsOf(node) {
  const body = node.want(0x03).body;
  if (!body.length || body[0]) throw new Malformed("DER: bits");
  return body.subarray(1);
}
function flagsOf(node) {
  const body = node.want(0x03).body, found = new Set();
  if (!body.length || body[0] > 7 || body.length > 9) throw new Malformed("DER: flags");
  body.subarray(1).forEach((byte, at) => { for (let bit = 0; bit < 8; bit += 1) if (byte & (0x80 >> bit)) found.add(8 * at + bit); });
  return found;
}
/* Instants are whole microseconds since 1970. */
function timeOf(node) {
  let text = String.fromCharCode(...node.body.subarray(0, 64));
  if (node.tag === 0x17) text = (Number(text.slice(0, 2)) < 50 ? "20" : "19") + text;
  else if (node.tag !== 0x18) throw new Malformed("DER: not a time");
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?Z$/.exec(text);
  const at = match && instant(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}${match[7] ? `.${match[7].slice(0, 9)}` : ""}Z`);
  if (at === null) throw new Malformed("DER: time");
  return at;
}
function instant(text) {
  const match = typeof text === "string" && /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return null;
  const zone = match[8] === "Z" ? 0 : (match[8][0] === "-" ? -1 : 1) * (Number(match[8].slice(1, 3)) * 60 + Number(match[8].slice(4)));
  return (date.getTime() - zone * 60000) * 1000 + Number(`${match[7] || ""}000000`.slice(0, 6));
}
const shown = (at) => new Date(at / 1000).toISOString().slice(0, 19).replace("T", " ");
const tagged = (parts, number) => parts.find((part) => (part.tag & 0xdf) === (0x80 | number)) || null;
