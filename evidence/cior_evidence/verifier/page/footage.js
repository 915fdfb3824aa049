/* Native video: ISO base media files read for their packets (ISO/IEC 14496-12), and what is missing. */
const MOST_BOXES = 400000, MOST_SAMPLES = 2000000, MOST_BOX_BYTES = 64 * 1024 * 1024;
const CONTAINERS = new Set("moov trak mdia minf stbl dinf edts mvex moof traf mfra udta".split(" "));
const TOP = new Set("ftyp styp moov moof mdat sidx mfra free".split(" "));
const KNOWN = new Set([...CONTAINERS, ...TOP, ..."mvhd tkhd elst mdhd hdlr vmhd smhd nmhd dref stsd stts ctts stsc stsz stz2 stco co64 stss sdtp sgpd sbgp mehd trex mfhd tfhd tfdt trun tfra mfro meta subs saiz saio cslg stdp padb".split(" ")]);
const wordAt = (bytes, at) => {
  if (at + 4 > bytes.length) throw new Malformed("MP4: table");
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
};
const longAt = (bytes, at) => {
  const value = wordAt(bytes, at) * 4294967296 + wordAt(bytes, at + 4);
  if (!Number.isSafeInteger(value)) throw new Malformed("MP4: offset");
  return value;
};
const named = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

async function scanBoxes(read, start, end, inside, found) {
  if (inside.length > 12) throw new Malformed("MP4: too deep");
  for (let at = start; at < end;) {
    const head = await read(at, 16);
    if (end - at < 8 || head.length < 8) throw new Malformed(`MP4: cut at ${at}`);
    let size = wordAt(head, 0), body = at + 8;
    const kind = named(head, 4);
    if (size === 1) { size = longAt(head, 8); body = at + 16; }
    if (size === 0 && !inside.length) size = end - at;
    if (at + size < body || at + size > end) throw new Malformed(`MP4: box ${kind} at ${at}`);
    const box = { kind, start: at, body, end: at + size, inside };
    found.push(box);
    if (found.length > MOST_BOXES) throw new Malformed("MP4: too many boxes");
    if (CONTAINERS.has(kind)) await scanBoxes(read, body, box.end, [...inside, kind], found);
    at = box.end;
  }
}
async function boxContent(read, box) {
  const size = box.end - box.body;
  if (size > MOST_BOX_BYTES) throw new Malformed("MP4: box");
  const content = (await read(box.body, size)).slice();
  if (content.length !== size) throw new Malformed("MP4: cut");
  return content;
}
async function readClip(read, size) {
  const boxes = [], faults = [], samples = [];
  await scanBoxes(read, 0, size, [], boxes);
  const tracks = boxes.filter((box) => box.kind === "trak");
  for (const box of tracks.slice(1)) faults.push(["video.track", box.start]);
  if (!tracks.length) faults.push(["video.malformed", "trak"]);
  for (const box of boxes) {
    if (box.kind === "elst" && wordAt(await boxContent(read, box), 4)) faults.push(["video.editlist", box.start]);
    if (box.kind === "hdlr" && box.inside.includes("trak")) {
      const kind = named(await boxContent(read, box), 8);
      if (kind !== "vide") faults.push(["video.track", kind]);
    }
    const isPlace = box.inside.length ? KNOWN.has(box.kind) : TOP.has(box.kind);
    if (!isPlace && !box.inside.includes("udta")) faults.push(["video.box", `${box.kind}@${box.start}`]);
    if (box.kind === "free" && (await boxContent(read, box)).some(Boolean)) faults.push(["video.box", `free@${box.start}`]);
    if (box.kind === "udta" && !(box.inside.length === 1 && box.inside[0] === "moov")) faults.push(["video.box", `udta@${box.start}`]);
  }
  await tableSamples(boxes, read, samples);
  await fragmentSamples(boxes, read, samples);
  const held = boxes.filter((box) => box.kind === "mdat").reduce((sum, box) => sum + box.end - box.body, 0);
  const used = samples.reduce((sum, [, length]) => sum + length, 0), ordered = [...samples].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const broken = ordered.findIndex(([start, length], n) => n + 1 < ordered.length && start + length > ordered[n + 1][0]);
  let isWhole = true;
  if (broken >= 0) { faults.push(["video.malformed", `overlap@${ordered[broken + 1][0]}`]); isWhole = false; }
  if (ordered.some(([start, length]) => start < 0 || start + length > size)) { faults.push(["video.malformed", "packet beyond the end"]); isWhole = false; }
  if (held !== used && isWhole) faults.push(["video.hidden", `${used} / ${held}`]);
  const description = boxes.find((box) => box.kind === "stsd" && box.inside.includes("stbl"));
  return { samples, faults, described: description ? await boxContent(read, description) : new Uint8Array() };
}
function addSample(samples, at, size) {
  if (samples.length >= MOST_SAMPLES) throw new Malformed("MP4: too many packets");
  samples.push([at, size]);
}
async function tableSamples(boxes, read, samples) {
  const only = (kind) => boxes.find((box) => box.kind === kind && box.inside.includes("stbl"));
  const sizesBox = only("stsz"), chunksBox = only("stsc"), offsetsBox = only("stco") || only("co64");
  if (!sizesBox || !chunksBox || !offsetsBox) return;
  const sizes = await boxContent(read, sizesBox), fixed = wordAt(sizes, 4), count = wordAt(sizes, 8);
  const offsets = await boxContent(read, offsetsBox), chunks = wordAt(offsets, 4), width = offsetsBox.kind === "stco" ? 4 : 8;
  const runs = await boxContent(read, chunksBox), rows = wordAt(runs, 4);
  if (count > MOST_SAMPLES || chunks > MOST_SAMPLES || rows > MOST_SAMPLES) throw new Malformed("MP4: too many packets");
  let run = -1, taken = 0;
  for (let chunk = 1; chunk <= chunks; chunk += 1) {
    while (run + 1 < rows && wordAt(runs, 8 + 12 * (run + 1)) <= chunk) run += 1;
    let at = width === 4 ? wordAt(offsets, 4 + 4 * chunk) : longAt(offsets, 8 * chunk);
    for (let left = run >= 0 ? wordAt(runs, 12 + 12 * run) : 0; left > 0 && taken < count; left -= 1) {
      const size = fixed || wordAt(sizes, 12 + 4 * taken);
      addSample(samples, at, size);
      at += size; taken += 1;
    }
  }
  if (taken !== count) throw new Malformed(`MP4: ${taken} packets in chunks, ${count} in all`);
}
async function fragmentSamples(boxes, read, samples) {
  const extends_ = boxes.find((box) => box.kind === "trex");
  const usual = extends_ ? wordAt(await boxContent(read, extends_), 16) : 0;
  let moof = 0, base = 0, size = 0, at = 0;
  for (const box of boxes) {
    if (box.kind === "moof") moof = box.start;
    else if (box.kind === "tfhd") {
      const content = await boxContent(read, box), flags = wordAt(content, 0) & 0xffffff;
      let place = 8;
      base = moof; size = usual;
      if (flags & 1) { base = longAt(content, place); place += 8; }
      place += (flags & 2 ? 4 : 0) + (flags & 8 ? 4 : 0);
      if (flags & 0x10) size = wordAt(content, place);
      at = base;
    } else if (box.kind === "trun") {
      const content = await boxContent(read, box), flags = wordAt(content, 0) & 0xffffff, count = wordAt(content, 4);
      let place = 8;
      if (flags & 1) { at = base + (wordAt(content, 8) | 0); place = 12; }
      place += flags & 4 ? 4 : 0;
      const fields = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag), shift = fields.indexOf(0x200);
      if (count > MOST_SAMPLES || place + 4 * fields.length * count > content.length) throw new Malformed("MP4: trun");
      for (let n = 0; n < count; n += 1) {
        const own = shift < 0 ? size : wordAt(content, place + 4 * shift);
        addSample(samples, at, own);
        at += own; place += 4 * fields.length;
      }
    }
  }
}

const SEGMENTS = `${META}segmentos.jsonl`, GAPS = `${META}huecos.json`, CLOCKS = `${META}reloj.json`;
async function checkFootage(folder, request, payload, report) {
  const segments = [];
  for (const [line, row] of await readLines(folder, SEGMENTS, report)) {
    const since = instant(row.desde), until = instant(row.hasta);
    if (typeof row.camara !== "string" || typeof row.archivo !== "string" || since === null || until === null) report.say("meta.field", `${SEGMENTS}:${line}`, "camara, archivo, desde, hasta");
    else segments.push({ line, camera: row.camara, path: row.archivo, since, until, row });
  }
  report.facts.segmentos = String(segments.length);
  checkSegmentFiles(segments, payload, expectedOf(request), report);
  await checkCopy(folder, request, segments.map((each) => each.row), report);
  segments.forEach((each, n) => {
    const before = n ? segments[n - 1] : null, where = `${SEGMENTS}:${each.line}`;
    const isNext = !before || before.camera < each.camera || (before.camera === each.camera && before.since < each.since);
    if (!isNext || (before && before.camera === each.camera && each.since < before.until) || each.until <= each.since) report.say("segment.order", where, each.camera);
  });
  for (const each of segments) await checkVideo(folder, each, report);
  checkValidators(segments.map((each) => each.row), await readObject(folder, TOOLS, report), report);
  await checkCoverage(folder, request, segments, report);
  await checkClocks(folder, segments, report);
  return segments.length ? Math.max(...segments.map((each) => each.until)) : null;
}
function checkSegmentFiles(segments, payload, wanted, report) {
  const listed = new Set();
  for (const each of segments) {
    const where = `bag/${each.path}`;
    if (listed.has(each.path)) report.say("segment.order", where, each.line);
    listed.add(each.path);
    if (!payload.has(each.path)) report.say("segment.missing", where);
    else if (each.row.sha256 !== payload.get(each.path)) report.say("segment.digest", where);
    if (each.row.clase !== wanted.ofClass || !each.path.startsWith(`${wanted.folder}${each.camera}/`)) report.say("copy.asnative", where, each.row.clase);
  }
  for (const path of payload.keys()) if ((path.startsWith(NATIVE) || path.startsWith(VIEWS)) && !listed.has(path)) report.say("segment.unlisted", `bag/${path}`);
}
async function checkVideo(folder, segment, report) {
  const where = `bag/${segment.path}`;
  if (!folder.has(where)) return;
  try {
    const read = folder.reader(where), clip = await readClip(read, folder.size(where));
    for (const [code, detail] of clip.faults) report.say(code, where, detail);
    const signs = new SignatureReader(clip.described);
    const isRead = await checkPackets(read, clip.samples, segment, where, { signs, report });
    if (isRead && !OF_COPIES.includes(segment.row.clase)) checkSignatures(segment.row, `${SEGMENTS}:${segment.line}`, signs.found, report);
  } catch (why) {
    if (why instanceof DOMException) report.say("file.unreadable", where, why.name);
    else if (why instanceof Malformed) report.say("video.malformed", where, why.message);
    else throw why;
  }
}
async function checkPackets(read, samples, segment, where, { signs, report }) {
  const row = segment.row, told = OF_COPIES.includes(row.clase) ? [row] : row.partes, parts = Array.isArray(told) ? told.filter(isObject) : [];
  const counts = parts.map((part) => part.cuadros).filter((count) => Number.isSafeInteger(count) && count >= 0);
  if (counts.length !== parts.length || counts.reduce((a, b) => a + b, 0) !== samples.length || row.cuadros !== samples.length) { report.say("video.packets", where, `${row.cuadros} / ${samples.length}`); return false; }
  const whole = new Sha256();
  let at = 0;
  for (const [number, part] of parts.entries()) {
    const own = new Sha256();
    for (const [place, size] of samples.slice(at, at + part.cuadros)) {
      if (size > MOST_BOX_BYTES) throw new Malformed("MP4: packet");
      const content = await read(place, size);
      own.update(content); whole.update(content); signs.take(content);
    }
    at += part.cuadros;
    if (part.carga_sha256 !== own.hex()) report.say("video.packets", where, `partes[${number}]`);
    const recorded = isObject(part.origen) ? part.origen.carga_sha256 : null;
    if (part.entera === true && recorded !== null && recorded !== undefined && recorded !== part.carga_sha256) report.say("copy.asnative", where, `partes[${number}]`);
  }
  if (row.carga_sha256 !== whole.hex()) report.say("video.packets", where, "carga_sha256");
  return true;
}
async function checkCoverage(folder, request, segments, report) {
  const told = (await readObject(folder, GAPS, report)).camaras, isList = Array.isArray(told) && told.every(isObject);
  if (!isList) report.say("meta.field", GAPS, "camaras");
  const rows = isList ? told : [], scope = Array.isArray(request.alcance) ? request.alcance : [], asked = scope.filter(isObject);
  if (request !== EMPTY && (!asked.length || asked.length !== scope.length)) report.say("meta.field", REQUEST, "alcance");
  if (rows.length !== asked.length) report.say("gap.hidden", GAPS, `${rows.length} / ${asked.length}`);
  let gaps = 0;
  for (let n = 0; n < Math.min(rows.length, asked.length); n += 1) {
    const since = instant(asked[n].desde), until = instant(asked[n].hasta), camera = String(asked[n].camara);
    if (since === null || until === null || since !== instant(rows[n].pedido_desde) || until !== instant(rows[n].pedido_hasta) || rows[n].camara !== camera) { report.say("gap.hidden", GAPS, camera); continue; }
    const stretches = segments.filter((each) => each.camera === camera).map((each) => [each.since, each.until]);
    for (const gap of Array.isArray(rows[n].huecos) ? rows[n].huecos : []) {
      const span = isObject(gap) ? [instant(gap.desde), instant(gap.hasta)] : [null];
      if (span.includes(null) || !gap.causa) report.say("meta.field", GAPS, "huecos"); else { stretches.push(span); gaps += 1; }
    }
    let reached = since;
    for (const [start, end] of stretches.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      if (start > reached) break;
      reached = Math.max(reached, end);
    }
    if (reached < until) report.say("gap.hidden", GAPS, `${camera}: ${shown(reached)}`);
  }
  report.facts.huecos = String(gaps);
  const cameras = new Set(asked.map((row) => String(row.camara)));
  for (const camera of new Set(segments.map((each) => each.camera))) if (!cameras.has(camera)) report.say("segment.camera", SEGMENTS, camera);
}
async function checkClocks(folder, segments, report) {
  const rows = (await readObject(folder, CLOCKS, report)).archivos;
  if (!Array.isArray(rows)) { report.say("meta.field", CLOCKS, "archivos"); return; }
  segments.forEach((each, n) => {
    const row = isObject(rows[n]) ? rows[n] : EMPTY, own = isObject(each.row.reloj) ? each.row.reloj : EMPTY;
    const agrees = row.archivo === each.path && ["fuente", "calidad", "corrimiento_ms", "error_ms"].every((name) => name in own && row[name] === own[name]);
    if (!agrees) report.say("clock.mismatch", `bag/${each.path}`, each.camera);
  });
  if (rows.length > segments.length) report.say("clock.mismatch", CLOCKS, `${rows.length} / ${segments.length}`);
}
