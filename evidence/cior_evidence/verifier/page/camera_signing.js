/* Signatures that cameras put into their video: what the list says of them, and whether they are there; none is checked. */
const SIGNED = "firma_camara", NOT_SIGNED = "not_signed", NOT_AUTHENTIC = "not_authentic";
const SIGNERS = new Map([["onvif", "005bc93f-2d71-5e95-ada4-796f90877a6f"], ["axis", "5369676e-6564-2056-6964-656f2e2e2e30"]]);
const OF_UUID = new Map([...SIGNERS].map(([scheme, uuid]) => [uuid.replaceAll("-", ""), scheme]));
const JUDGEMENTS = [NOT_AUTHENTIC, "unknown", "signed_unknown", "authentic"], OF_VALIDATORS = JUDGEMENTS.filter((each) => each !== "unknown");
/* Header bytes, shift and mask of a unit's type, types that carry messages, configuration box, where its length of lengths stands. */
const AVC = [1, 0, 0x1f, [6], "avcC", 4], HEVC = [2, 1, 0x3f, [39, 40], "hvcC", 21];
const CODED = new Map([["avc1", AVC], ["avc3", AVC], ["hvc1", HEVC], ["hev1", HEVC]]);

class SignatureReader {
  constructor(described) {
    this.found = new Map();
    this.form = described.length >= 16 ? CODED.get(named(described, 12)) : undefined;
    this.width = 4;
    if (!this.form) return;
    const name = [...this.form[4]].map((letter) => letter.charCodeAt(0));
    const begins = described.findIndex((_, at) => name.every((byte, n) => described[at + n] === byte));
    const at = begins + 4 + this.form[5];
    if (begins >= 0 && at < described.length) this.width = (described[at] & 3) + 1;
  }
  take(packet) {
    if (!this.form) return;
    const schemes = new Set();
    for (let at = 0; at + this.width <= packet.length;) {
      let size = 0;
      for (let n = 0; n < this.width; n += 1) size = size * 256 + packet[at + n];
      const begins = at + this.width;
      at = begins + size;
      if (at > packet.length) break;
      this.signers(packet.subarray(begins, at), schemes);
    }
    for (const scheme of schemes) this.found.set(scheme, (this.found.get(scheme) || 0) + 1);
  }
  signers(unit, schemes) {
    const [header, shift, mask, kinds] = this.form;
    if (unit.length <= header || !kinds.includes((unit[0] >> shift) & mask)) return;
    const payload = [];
    for (let at = header; at < unit.length; at += 1) {
      if (unit[at] === 3 && at >= header + 2 && unit[at - 1] === 0 && unit[at - 2] === 0) continue;
      payload.push(unit[at]);
    }
    for (let at = 0; at + 2 < payload.length;) {
      let kind = 0, size = 0;
      [kind, at] = codedNumber(payload, at);
      [size, at] = codedNumber(payload, at);
      if (size > payload.length - at) return;
      const uuid = size >= 16 ? payload.slice(at, at + 16).map((byte) => byte.toString(16).padStart(2, "0")).join("") : "";
      if (kind === 5 && OF_UUID.has(uuid)) schemes.add(OF_UUID.get(uuid));
      at += size;
    }
  }
}
function codedNumber(payload, from) {
  let value = 0, at = from;
  while (at < payload.length && payload[at] === 0xff) { value += 0xff; at += 1; }
  return [value + (at < payload.length ? payload[at] : 0), at + 1];
}
function isSignature(each) {
  const isVouched = typeof each.validador === "string" || (each.validador === null && !OF_VALIDATORS.includes(each.veredicto));
  return SIGNERS.has(each.esquema) && SIGNERS.get(each.esquema) === each.uuid && Number.isSafeInteger(each.cuadros) && JUDGEMENTS.includes(each.veredicto)
    && typeof each.razon === "string" && isVouched && Array.isArray(each.dicho) && each.dicho.every((line) => typeof line === "string");
}
function isSpare(row, told) {
  const at = instant(told), since = instant(row.desde), until = instant(row.hasta);
  return told === null || told === undefined || (at !== null && since !== null && until !== null && since < at && at <= until);
}
const listedSigners = (counts) => [...counts.keys()].sort().map((scheme) => `${scheme} ${counts.get(scheme)}`).join(", ") || NOT_SIGNED;
function checkSignatures(row, where, found, report) {
  const told = row[SIGNED], path = `bag/${row.archivo}`;
  if (told === null || told === undefined) {
    if (found.size) report.say("camera.untold", path, [...found.keys()].sort().join(", "));
    return;
  }
  const rows = isObject(told) && Array.isArray(told.firmas) ? told.firmas : null;
  const isFormed = rows !== null && rows.every((each) => isObject(each) && isSignature(each));
  const gravest = isFormed ? JUDGEMENTS.find((each) => rows.some((one) => one.veredicto === each)) || NOT_SIGNED : "";
  if (!isFormed || told.veredicto !== gravest || !isSpare(row, told.gop_agregado_desde)) { report.say("meta.field", where, SIGNED); return; }
  const counted = new Map(rows.map((each) => [each.esquema, each.cuadros]));
  const isSame = counted.size === rows.length && counted.size === found.size && [...counted].every(([scheme, count]) => found.get(scheme) === count);
  if (!isSame) report.say("camera.scheme", path, `${listedSigners(counted)} / ${listedSigners(found)}`);
  for (const each of rows) {
    if (each.veredicto === NOT_AUTHENTIC) report.say("camera.notauthentic", path, `${each.validador}: ${each.razon}`);
    else if (each.veredicto !== "authentic") report.say("camera.unproven", path, `${each.esquema}: ${each.razon}`);
  }
}
function checkValidators(rows, tools, report) {
  const listed = Array.isArray(tools.validadores_de_camara) ? tools.validadores_de_camara : [], known = listed.filter(isObject).map((each) => each.nombre);
  for (const row of rows) {
    const told = row[SIGNED], signatures = isObject(told) && Array.isArray(told.firmas) ? told.firmas : [];
    for (const each of signatures) {
      const by = isObject(each) ? each.validador : null;
      if (by !== null && by !== undefined && !known.includes(by)) report.say("meta.field", TOOLS, "validadores_de_camara");
    }
  }
}
