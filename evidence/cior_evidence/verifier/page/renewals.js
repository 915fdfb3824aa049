/* Renewals: each year a new time-stamp over everything that proves the one before. */
const RENEWALS = "sello/renovaciones/", NOT_YET = "sello/acta-firmada.pdf", MOST_RENEWALS = 100;
const bytewise = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

async function checkRenewals(folder, sealed, trust, report) {
  const names = [...new Set(folder.paths().filter((path) => path.startsWith(RENEWALS)).map((path) => path.slice(RENEWALS.length).split("/")[0]))].sort(bytewise).slice(0, MOST_RENEWALS);
  let last = sealed.at === null ? null : { at: sealed.at, until: folder.has(TSR) ? await untilOf(await small(folder, TSR, new Report()) || new Uint8Array(), trust) : null };
  for (const [place, name] of names.entries()) {
    const found = await checkOneRenewal(folder, names, place, trust, report), path = RENEWALS + name;
    if (found && last) {
      if (found.at <= last.at) report.say("renewal.order", path, `${shown(found.at)} <= ${shown(last.at)}`);
      if (last.until !== null && found.at > last.until) report.say("renewal.late", path, `${shown(found.at)} > ${shown(last.until)}`);
    }
    if (found) report.facts.renovado = `${shown(found.at)} UTC`;
    last = found || last;
  }
  if (!last || last.until === null) return;
  report.facts["renovar-antes-de"] = `${shown(last.until)} UTC`;
  if (last.until < Date.now() * 1000) report.say("renewal.overdue", RENEWALS, shown(last.until));
}
async function untilOf(response, trust) {
  try {
    const signed = readStamp(tokenOf(response)).signed, own = trust.withMore(signed.certificates, []), signer = signed.signer(own.others);
    const chain = signer ? await chainOf(signer, own) : null;
    return chain ? Math.min(...chain.slice(0, Math.max(1, chain.length - 1)).map((each) => each.until)) : null;
  } catch (why) { return malformedIs(why, () => null); }
}
async function checkOneRenewal(folder, names, place, trust, report) {
  const here = `${RENEWALS}${names[place]}/`, list = `${here}lista.txt`, token = `${list}.tsr`;
  const content = folder.has(list) ? await folder.read(list, MOST_MANIFEST_BYTES) : null, response = await small(folder, token, report);
  if (content === null && folder.has(list)) report.say("file.unreadable", list);
  if (content === null) report.say("renewal.missing", list);
  if (response === null) report.say("renewal.missing", token);
  if (content === null || response === null) return null;
  await checkRenewalList(folder, names, place, content, report);
  const certificates = [], chain = `${here}cadena.pem`;
  try { certificates.push(...pemBlocks(await small(folder, chain, report) || new Uint8Array(), "CERTIFICATE").slice(0, MOST_CERTIFICATES).map((raw) => new Certificate(raw))); } catch (why) { malformedIs(why, () => report.say("renewal.malformed", chain, why.message)); }
  const more = trust.withMore(certificates, await listsBelow(folder, names.slice(place, place + 2)));
  const at = await checkStamp(response, content, more, report.say, token);
  return at === null ? null : { at, until: await untilOf(response, more) };
}
async function listsBelow(folder, names) {
  const raws = [], paths = folder.paths().filter((path) => path.endsWith(".crl") && names.some((name) => path.startsWith(`${RENEWALS}${name}/`)));
  for (const path of paths.slice(0, MOST_CERTIFICATES)) raws.push(await small(folder, path, new Report()) || new Uint8Array());
  return readableLists(raws.filter((raw) => raw.length));
}
async function checkRenewalList(folder, names, place, content, report) {
  const own = `${RENEWALS}${names[place]}/`, where = `${own}lista.txt`, later = names.slice(place).map((name) => `${RENEWALS}${name}/`);
  const isLater = (path) => later.some((each) => path.startsWith(each)), isOwnList = (path) => path.startsWith(own) && path.endsWith(".crl");
  const listed = renewalLines(content, where, report);
  if (listed === null) return;
  for (const path of folder.paths()) {
    const isSealed = (path.startsWith("bag/") && !path.startsWith("bag/data/")) || (path.startsWith("sello/") && !isLater(path)) || isOwnList(path);
    if (isSealed && path !== NOT_YET && !listed.has(path)) report.say("renewal.uncovered", path, where);
  }
  for (const [path, digest] of listed) {
    if (isLater(path) && !isOwnList(path)) report.say("renewal.order", where, path);
    else if (!folder.has(path)) report.say("renewal.dropped", path, where);
    else if ((await folder.digests(path))[1] !== digest) report.say("renewal.digest", path, where);
  }
}
function renewalLines(content, where, report) {
  const lines = new TextDecoder("latin1").decode(content).split("\n"), found = new Map(), tail = lines.pop();
  let last = "";
  for (const [at, line] of lines.entries()) {
    const match = /^([0-9a-f]{128}) {2}([^ ]+)$/.exec(line);
    if (!match || match[2] <= last || !isSoundPath(match[2])) { report.say("renewal.malformed", where, at + 1); return null; }
    last = match[2];
    found.set(last, match[1]);
  }
  if (!found.size || tail) { report.say("renewal.malformed", where, "0"); return null; }
  return found;
}
