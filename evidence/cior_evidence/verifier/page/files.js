/* The package as files that a browser hands over, and the strict bag profile. */
const SLICE = 4 * 1024 * 1024, MOST_JSON_BYTES = 64 * 1024 * 1024, MOST_MANIFEST_BYTES = 128 * 1024 * 1024;
const TOP_FILES = ["LEEME.txt", "verificar.html", "verify.py"];
const SEAL_FILES = ["tagmanifest.p7s", "tagmanifest.p7s.tsr", "cadena.pem", "checkpoint.txt", "inclusion.json", "acta.pdf", "acta-firmada.pdf"];
const SEAL_FOLDERS = /^(crl\/[^/]+|renovaciones\/[0-9]{4}(-[0-9]{2})?\/(lista\.txt|lista\.txt\.tsr|cadena\.pem|[0-9]{4}\.crl))$/;
const TAGS = "tagmanifest-sha256.txt", MOST_OF_A_CODE = 100;
const PAYLOAD = [["manifest-sha256.txt", 64], ["manifest-sha512.txt", 128]];

class Report {
  constructor() { this.findings = []; this.facts = {}; this.seen = new Set(); this.counts = {}; this.say = this.say.bind(this); }
  say(code, path = "", detail = "") {
    if (!SENTENCES[code]) throw new Error(code);
    const key = JSON.stringify([code, path, detail]);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.counts[code] = (this.counts[code] || 0) + 1;
    if (this.counts[code] <= MOST_OF_A_CODE) this.findings.push({ code, path: String(path).slice(0, 300), detail: String(detail).slice(0, 300), step: SENTENCES[code][0], weight: SENTENCES[code][1] });
  }
  get exit() {
    const weights = this.findings.map((each) => each.weight);
    return weights.includes("error") ? 1 : weights.includes("unproven") ? 2 : 0;
  }
}
class Files {
  constructor(files, progress) {
    this.files = new Map([...files.entries()].sort(([a], [b]) => (a < b ? -1 : 1)));
    this.kept = new Map(); this.progress = progress;
  }
  has(path) { return this.files.has(path); }
  size(path) { return this.files.get(path).size; }
  paths() { return [...this.files.keys()]; }
  async read(path, most) {
    const file = this.files.get(path);
    if (!file || file.size > most) return null;
    try { return new Uint8Array(await file.arrayBuffer()); } catch { return null; }
  }
  async digests(path) {
    if (!this.kept.has(path)) {
      const file = this.files.get(path), short = new Sha256(), long = new Sha512();
      try {
        for (let at = 0; at < file.size; at += SLICE) {
          const part = new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer());
          short.update(part); long.update(part);
          await this.progress(path, part.length);
        }
        this.kept.set(path, [short.hex(), long.hex()]);
      } catch { this.kept.set(path, ["", ""]); }
    }
    return this.kept.get(path);
  }
  reader(path) {
    const file = this.files.get(path);
    let start = 0, held = new Uint8Array();
    return async (offset, size) => {
      if (offset < 0 || offset >= file.size || size <= 0) return new Uint8Array();
      const end = Math.min(file.size, offset + size);
      if (offset < start || end > start + held.length) {
        start = offset;
        held = new Uint8Array(await file.slice(offset, Math.min(file.size, Math.max(end, offset + 1048576))).arrayBuffer());
      }
      return held.subarray(offset - start, end - start);
    };
  }
}
function isSoundPath(path) {
  return path.length <= 180 && path.split("/").every((part) => /^[a-z0-9_-][a-z0-9._-]*$/.test(part) && !part.endsWith(".") && !/^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/.test(part));
}
function checkPlaces(folder, report) {
  for (const path of folder.paths()) {
    if (path.startsWith("bag/") || TOP_FILES.includes(path)) continue;
    const inside = path.startsWith("sello/") ? path.slice(6) : "";
    if (!SEAL_FILES.includes(inside) && !SEAL_FOLDERS.test(inside)) report.say("pkg.extra", path);
  }
}
async function readManifest(folder, name, size, report) {
  const where = `bag/${name}`;
  if (!folder.has(where)) { report.say("bag.missing", where); return null; }
  const content = await folder.read(where, MOST_MANIFEST_BYTES);
  if (content === null) { report.say("file.unreadable", where); return null; }
  let text;
  try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content); } catch { report.say("manifest.encoding", where); text = new TextDecoder("latin1").decode(content); }
  if (text.startsWith("\ufeff") || text.includes("\r")) { report.say("manifest.encoding", where); text = text.replace(/^\ufeff+/, "").replaceAll("\r\n", "\n"); }
  if (!text) report.say("manifest.line", where, "0"); else if (!text.endsWith("\n")) report.say("manifest.format", where);
  const lines = text ? (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n") : [];
  const found = new Map(), folded = new Set();
  let last = "";
  lines.forEach((line, at) => {
    const match = /^([0-9a-f]+) {2}(.+)$/.exec(line);
    if (!match || match[1].length !== size) { report.say("manifest.line", where, at + 1); return; }
    const path = match[2], fold = path.normalize("NFC").toLowerCase();
    if (folded.has(fold)) report.say("path.twice", path, `${where}:${at + 1}`);
    else if (path <= last) report.say("manifest.order", where, at + 1);
    folded.add(fold);
    if (path > last) last = path;
    if (!isSoundPath(path)) { report.say("path.unsafe", path, `${where}:${at + 1}`); return; }
    if (!found.has(path)) found.set(path, match[1]);
  });
  return found;
}
async function checkBag(folder, report) {
  for (const name of ["bagit.txt", "bag-info.txt"]) if (!folder.has(`bag/${name}`)) report.say("bag.missing", `bag/${name}`);
  if (folder.has("bag/fetch.txt")) report.say("bag.fetch", "bag/fetch.txt");
  const declared = folder.has("bag/bagit.txt") ? await folder.read("bag/bagit.txt", 1024) : new Uint8Array();
  if (folder.has("bag/bagit.txt") && (declared === null || !same(declared, textBytes("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")))) report.say("bag.declaration", "bag/bagit.txt");
  const manifests = [];
  for (const [name, size] of PAYLOAD) manifests.push(await readManifest(folder, name, size, report));
  const tags = await readManifest(folder, TAGS, 64, report), [short, long] = manifests;
  if (short && long) for (const path of new Set([...short.keys(), ...long.keys()])) if (!short.has(path) || !long.has(path)) report.say("manifest.disagree", path);
  checkListing(folder, manifests.filter(Boolean), tags, report);
  for (const [path, digest] of tags || []) await checkDigest(folder, path, digest, 0, report);
  for (const [path, digest] of short || []) {
    const sound = await checkDigest(folder, path, digest, 0, report);
    if (sound && long && long.has(path) && (await folder.digests(`bag/${path}`))[1] !== long.get(path)) report.say("manifest.disagree", `bag/${path}`);
  }
  if (!short) for (const [path, digest] of long || []) await checkDigest(folder, path, digest, 1, report);
  const files = folder.paths().filter((path) => path.startsWith("bag/data/"));
  const said = (await info(folder)).get("Payload-Oxum") || [], found = `${files.reduce((sum, path) => sum + folder.size(path), 0)}.${files.length}`;
  if (said.length !== 1 || said[0] !== found) report.say("bag.oxum", "bag/bag-info.txt", `${said.join(" ")} / ${found}`);
  return short || new Map();
}
function checkListing(folder, manifests, tags, report) {
  const listed = manifests.length ? new Set(manifests.flatMap((each) => [...each.keys()])) : null;
  const present = new Set(folder.paths().filter((path) => path.startsWith("bag/")).map((path) => path.slice(4)));
  for (const path of present) {
    const names = path.startsWith("data/") ? listed : tags;
    if (path !== TAGS && path !== "fetch.txt" && names && !names.has(path)) report.say("file.extra", `bag/${path}`);
  }
  for (const path of new Set([...(listed || []), ...(tags ? tags.keys() : [])])) if (!present.has(path)) report.say("file.missing", `bag/${path}`);
  for (const path of listed || []) if (!path.startsWith("data/")) report.say("path.unsafe", path, "manifest");
  for (const path of tags ? tags.keys() : []) if (path.startsWith("data/") || path === TAGS) report.say("path.unsafe", path, TAGS);
}
async function checkDigest(folder, path, digest, place, report) {
  if (!folder.has(`bag/${path}`)) return false;
  const found = (await folder.digests(`bag/${path}`))[place];
  if (!found) report.say("file.unreadable", `bag/${path}`);
  else if (found !== digest) report.say(path.startsWith("data/") ? "file.changed" : "tag.changed", `bag/${path}`, `${digest.slice(0, 16)} / ${found.slice(0, 16)}`);
  return found === digest;
}
async function info(folder) {
  const content = await folder.read("bag/bag-info.txt", 1048576), found = new Map();
  for (const line of content === null ? [] : new TextDecoder().decode(content).split("\n")) {
    const at = line.indexOf(": ");
    if (at >= 0) found.set(line.slice(0, at), [...(found.get(line.slice(0, at)) || []), line.slice(at + 2)]);
  }
  return found;
}
