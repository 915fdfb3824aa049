/* The seal, the ledger and the act. */
const P7S = "sello/tagmanifest.p7s", TSR = "sello/tagmanifest.p7s.tsr", CHAIN = "sello/cadena.pem", MOST_SEAL_BYTES = 4 * 1024 * 1024;
const TWO_CLOCKS = 5e6, LATEST = 86400e6;
const malformedIs = (why, then) => { if (why instanceof Malformed) return then(why); throw why; };

async function small(folder, path, report) {
  if (!folder.has(path)) return null;
  const found = await folder.read(path, MOST_SEAL_BYTES);
  if (found === null) report.say("file.unreadable", path);
  return found;
}
async function gather(folder, roots, report) {
  let others = [];
  const lists = [], chain = await small(folder, CHAIN, report);
  try { others = pemBlocks(chain || new Uint8Array(), "CERTIFICATE").slice(0, MOST_CERTIFICATES).map((raw) => new Certificate(raw)); } catch (why) { malformedIs(why, () => report.say("cert.malformed", CHAIN, why.message)); }
  if (!others.length) report.say("cert.nochain", CHAIN);
  for (const path of folder.paths().filter((each) => each.startsWith("sello/crl/")).slice(0, MOST_CERTIFICATES)) {
    try { lists.push(...pemBlocks(await small(folder, path, report) || new Uint8Array(), "X509 CRL").map((raw) => new RevocationList(raw))); } catch (why) { malformedIs(why, () => report.say("crl.malformed", path, why.message)); }
  }
  if (!roots.length) report.say("cert.noroot");
  return new Trust(roots.length ? roots : others.filter((each) => each.isAuthority), others, lists);
}
async function checkSeal(folder, trust, report, given) {
  const raw = await small(folder, P7S, report), response = await small(folder, TSR, report);
  if (raw === null) report.say("sig.missing", P7S);
  if (response === null) report.say("time.missing", TSR);
  if (raw === null) return { at: null, signer: null };
  let signed = null;
  try { signed = new SignedData(raw); } catch (why) { malformedIs(why, () => report.say(why instanceof Trailing ? "sig.trailing" : "sig.malformed", P7S, why.message)); }
  const more = trust.withMore(signed ? signed.certificates : [], signed ? readableLists(signed.lists) : []);
  const stamped = response !== null ? await checkStamp(response, raw, more, report.say, TSR) : null;
  let signer = null, inner = null;
  if (signed) {
    signer = await checkSignature(folder, signed, more, report);
    const token = signed.unsigned.get(SIGNATURE_TIME);
    if (token) inner = await checkStamp(token.raw, signed.signature, more, report.say, P7S); else report.say("time.inner", P7S);
    checkOrder(signed, inner, stamped, report);
  }
  const at = given ?? stamped ?? inner ?? Date.now() * 1000;
  if (signer) await checkChain(signer, more, at, report.say, P7S);
  return { at: stamped ?? inner, signer };
}
async function checkSignature(folder, signed, trust, report) {
  try {
    if (signed.weakness) throw new Weak(signed.weakness);
    const content = await folder.read(`bag/${TAGS}`, MOST_MANIFEST_BYTES) || new Uint8Array();
    if (signed.content !== null || !(await signed.isOver(content))) report.say("sig.content", P7S);
    const signer = signed.signer(trust.others);
    if (!signer) { report.say("sig.signer", P7S); return null; }
    if (!(await signed.isSignedBy(signer))) report.say("sig.value", P7S);
    if (!(await signed.names(signer))) report.say("sig.cades", P7S, signer.name);
    const isForIt = signer.purposes === null || signer.purposes.some((each) => SIGNING_PURPOSES.includes(each));
    if (!signer.may(0, 1) || !isForIt || signer.isAuthority) report.say("cert.usage", P7S, signer.name);
    return signer;
  } catch (why) {
    return malformedIs(why, () => { report.say(why instanceof Weak ? "sig.weak" : "sig.malformed", P7S, why.message); return null; });
  }
}
function checkOrder(signed, inner, stamped, report) {
  let said = null;
  try { said = signed.signingTime; } catch (why) { malformedIs(why, () => report.say("sig.malformed", P7S, why.message)); return; }
  for (const [before, after, path] of [[said, inner, P7S], [said, stamped, TSR], [inner, stamped, TSR]]) {
    if (before === null || after === null) continue;
    if (after + TWO_CLOCKS < before) report.say("time.order", path, `${shown(after)} < ${shown(before)}`);
    if (after - before > LATEST) report.say("time.late", path, `${shown(after)} > ${shown(before)}`);
  }
}
async function checkDeclared(folder, sealed, tools, report) {
  const expected = isObject(tools.sello) && tools.sello.certificado_sha256 != null ? [tools.sello.certificado_sha256] : [];
  try { expected.push(...pemBlocks(await small(folder, CHAIN, report) || new Uint8Array(), "CERTIFICATE").slice(0, 1).map((raw) => new Certificate(raw).fingerprint)); } catch (why) { malformedIs(why, () => null); }
  if (sealed.signer && expected.some((each) => each !== sealed.signer.fingerprint)) report.say("sig.otherkey", P7S, sealed.signer.name);
}

const CHECKPOINT = "sello/checkpoint.txt", INCLUSION = "sello/inclusion.json";
function readKey(text) {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  const raw = match ? base64(match[3]) : new Uint8Array();
  if (raw.length !== 33 || raw[0] !== 1 || sha256(joined(textBytes(`${match[1]}\n`), raw)).slice(0, 8) !== match[2]) throw new Malformed("ledger key");
  return { name: match[1], number: match[2], key: raw.subarray(1) };
}
function readCheckpoint(content) {
  let text;
  try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content); } catch { throw new Malformed("checkpoint"); }
  const gap = text.lastIndexOf("\n\n"), body = text.slice(0, gap + 1), tail = text.slice(gap + 2), lines = body.split("\n");
  if (gap < 0 || content.length > 65536 || !tail.endsWith("\n") || lines.length < 4 || !lines[0] || !/^(0|[1-9]\d{0,17})$/.test(lines[1])) throw new Malformed("checkpoint");
  const root = base64(lines[2]), signatures = tail.slice(0, -1).split("\n").map((line) => {
    const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line), raw = match ? base64(match[2]) : new Uint8Array();
    if (raw.length < 5) throw new Malformed("checkpoint");
    return { name: match[1], number: hexOf(raw.subarray(0, 4)), signature: raw.subarray(4) };
  });
  if (root.length !== 32) throw new Malformed("checkpoint");
  return { origin: lines[0], size: BigInt(lines[1]), root: hexOf(root), body: textBytes(body), signatures };
}
const isSignedNote = (note, key) => note.signatures.some((each) => each.name === key.name && each.number === key.number && isEd25519(key.key, each.signature, note.body));
function proofOf(value) {
  if (!Array.isArray(value) || value.length > 64 || value.some((each) => typeof each !== "string" || !/^[0-9a-fA-F]{64}$/.test(each))) throw new Malformed("proof");
  return value.map((each) => each.toLowerCase());
}
const branch = (left, right) => sha256(joined(Uint8Array.of(1), bytesOf(left), bytesOf(right)));
function isIncluded(leaf, index, size, proof, root) {
  if (index < 0n || index >= size) return false;
  let last = size - 1n, running = sha256(joined(Uint8Array.of(0), leaf));
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (index & 1n || index === last) {
      running = branch(sibling, running);
      while (!(index & 1n) && index) { index >>= 1n; last >>= 1n; }
    } else running = branch(running, sibling);
    index >>= 1n; last >>= 1n;
  }
  return last === 0n && running === root;
}
function isContinued(old, note, proof) {
  if (old.size <= 0n || old.size > note.size) return false;
  const path = old.size & (old.size - 1n) ? proof : [old.root, ...proof];
  if (!path.length) return false;
  let one = old.size - 1n, two = note.size - 1n;
  while (one & 1n) { one >>= 1n; two >>= 1n; }
  let before = path[0], after = path[0];
  for (const sibling of path.slice(1)) {
    if (two === 0n) return false;
    if (one & 1n || one === two) {
      before = branch(sibling, before); after = branch(sibling, after);
      while (one && !(one & 1n)) { one >>= 1n; two >>= 1n; }
    } else after = branch(after, sibling);
    one >>= 1n; two >>= 1n;
  }
  return two === 0n && before === old.root && after === note.root;
}
async function checkLedger(folder, contents, given, report) {
  const raw = await small(folder, CHECKPOINT, report);
  if (raw === null || !folder.has(INCLUSION)) { report.say("ledger.missing", raw === null ? CHECKPOINT : INCLUSION); return; }
  let note;
  try { note = readCheckpoint(raw); } catch (why) { malformedIs(why, () => report.say("ledger.malformed", CHECKPOINT, why.message)); return; }
  const inclusion = await readObject(folder, INCLUSION, report), { indice, tamano, hoja } = inclusion;
  const isWhole = (value) => Number.isSafeInteger(value) || typeof value === "bigint";
  let proof = null;
  try { proof = proofOf(inclusion.prueba); } catch (why) { malformedIs(why, () => null); }
  if (proof === null || !isWhole(indice) || !isWhole(tamano) || typeof hoja !== "string") report.say("ledger.malformed", INCLUSION);
  else {
    if (hoja !== contents.last) report.say("ledger.inclusion", INCLUSION, "hoja");
    if (BigInt(tamano) !== note.size || !isIncluded(textBytes(hoja), BigInt(indice), BigInt(tamano), proof, note.root)) report.say("ledger.inclusion", INCLUSION, `${indice} / ${tamano}`);
  }
  if (!given.key) report.say("ledger.nokey", CHECKPOINT, note.origin);
  else if (!isSignedNote(note, given.key)) report.say("ledger.signature", CHECKPOINT, note.origin);
  report.facts.registro = `${note.origin} ${note.size}`;
  for (const other of given.kept) checkKept(other, note, inclusion, given, report);
}
function checkKept(other, note, inclusion, given, report) {
  const detail = `${other.size} / ${note.size}`;
  if (other.origin !== note.origin || (given.key && !isSignedNote(other, given.key))) report.say("ledger.kept", CHECKPOINT, other.origin);
  else if (other.size === note.size) { if (other.root !== note.root) report.say("ledger.split", CHECKPOINT, detail); }
  else if (other.size > note.size) report.say("ledger.rollback", CHECKPOINT, detail);
  else if (!isObject(inclusion.consistencia) || !(String(other.size) in inclusion.consistencia)) report.say("ledger.nolink", CHECKPOINT, detail);
  else {
    let isSound = false;
    try { isSound = isContinued(other, note, proofOf(inclusion.consistencia[String(other.size)])); } catch (why) { malformedIs(why, () => null); }
    if (!isSound) report.say("ledger.split", INCLUSION, detail);
  }
}

const ACTS = ["sello/acta.pdf", "sello/acta-firmada.pdf"], MOST_STREAM_BYTES = 16 * 1024 * 1024;
async function checkActs(folder, report) {
  if (!ACTS.some((path) => folder.has(path))) report.say("act.missing", ACTS[0]);
  const sealed = folder.has(`bag/${TAGS}`) ? await folder.read(`bag/${TAGS}`, MOST_MANIFEST_BYTES) : null;
  for (const path of ACTS.filter((each) => sealed !== null && folder.has(each))) {
    const content = await folder.read(path, MOST_JSON_BYTES);
    if (content === null) report.say("file.unreadable", path); else await checkAct(content, sealed, path, report);
  }
}
async function checkAct(content, sealed, path, report) {
  const text = new TextDecoder("latin1").decode(content);
  if (!text.startsWith("%PDF-")) { report.say("act.malformed", path); return; }
  if (!(await holds(content, text, sealed))) report.say("act.digest", path);
  const ranges = [...text.matchAll(/\/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]/g)].slice(0, 17);
  if (!ranges.length) { report.say("act.unsigned", path); return; }
  let covered = 0;
  for (const match of ranges) {
    const [start, size, second, rest] = match.slice(1).map(Number);
    if (start || second < size || second + rest > content.length) { report.say("act.coverage", path); continue; }
    covered = Math.max(covered, second + rest);
    await checkActSignature(content, text, size, second, rest, path, report);
  }
  if (covered !== content.length) report.say("act.coverage", path, `${covered} / ${content.length}`);
}
async function holds(content, text, sealed) {
  const wanted = sha256(sealed);
  let budget = 8 * MOST_STREAM_BYTES, number = 0;
  for (const match of text.matchAll(/(?<!end)stream\r?\n/g)) {
    const start = match.index + match[0].length, end = text.indexOf("endstream", start);
    if (end < 0 || budget <= 0 || (number += 1) > 2000) return false;
    const raw = content.subarray(start, end), inflated = await inflate(raw);
    budget -= inflated.length;
    for (const part of [inflated, raw, raw.subarray(0, -1)]) if (same(part, sealed) || new TextDecoder("latin1").decode(part).includes(wanted)) return true;
  }
  return false;
}
async function inflate(raw) {
  const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter(), reader = stream.readable.getReader(), parts = [];
  writer.write(raw).catch(() => null); writer.close().catch(() => null);
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value); size += value.length;
      if (size > MOST_STREAM_BYTES) { await reader.cancel(); break; }
    }
  } catch { /* what came before the fault counts */ }
  return joined(...parts);
}
async function checkActSignature(content, text, size, second, rest, path, report) {
  try {
    const hexed = text.slice(size, second).trim(), raw = /^<[0-9a-fA-F]*>$/.test(hexed) ? bytesOf(hexed.slice(1, -1)) : new Uint8Array();
    if (raw.length < 4 || raw[0] !== 0x30) throw new Malformed("CMS");
    const node = new Node_(raw, 0, raw.length, 0);
    if (raw.subarray(node.end).some(Boolean)) throw new Malformed("CMS");
    const signed = new SignedData(raw.subarray(0, node.end)), covered = joined(content.subarray(0, size), content.subarray(second, second + rest));
    const signer = signed.signer([]);
    if (!signer || !(await signed.isSignedBy(signer)) || !(await isActOver(signed, covered))) report.say("act.changed", path);
    else if (signed.content === null) report.facts.acta = signer.name;
  } catch (why) { malformedIs(why, () => report.say("act.malformed", path, why.message)); }
}
async function isActOver(signed, covered) {
  if (signed.contentType !== TST_INFO || signed.content === null) return signed.isOver(covered);
  const imprint = readDer(signed.content).sequence(5, 10)[2].sequence(2, 2)[1].body;
  let isOf = false;
  for (const name of ["sha256", "sha384", "sha512"]) isOf = isOf || same(imprint, await digestBy(name, covered));
  return isOf && signed.isOver(signed.content);
}
