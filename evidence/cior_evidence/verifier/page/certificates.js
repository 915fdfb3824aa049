/* X.509, CMS and RFC 3161, as verify.py reads them. */
const MOST_CERTIFICATES = 64, MOST_SIGNATURES = 256, LONGEST_CHAIN = 8;
const BASIC = "2.5.29.19", USAGE = "2.5.29.15", EXTENDED = "2.5.29.37", SUBJECT_ID = "2.5.29.14";
const POLICIES = "2.5.29.32", POLICY_LIMITS = "2.5.29.36", STAMPING = "1.3.6.1.5.5.7.3.8";
const SIGNED_DATA = "1.2.840.113549.1.7.2", TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3", MESSAGE_DIGEST = "1.2.840.113549.1.9.4", SIGNING_TIME = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12", SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const SIGNATURE_TIME = "1.2.840.113549.1.9.16.2.14";
const SIGNING_PURPOSES = ["2.5.29.37.0", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12"];

function extensionsOf(node) {
  const found = new Map();
  for (const part of node ? node.sequence() : []) {
    const fields = part.sequence(2, 3), name = oidOf(fields[0]);
    if (found.has(name)) throw new Malformed("an extension twice");
    found.set(name, [fields.length === 3 && fields[1].body.length === 1 && fields[1].body[0] === 0xff, fields[fields.length - 1].want(0x04).body]);
  }
  return found;
}
class Certificate {
  constructor(raw) {
    const [whole, algorithm, signature] = readDer(raw).sequence(3, 3);
    let fields = whole.sequence(6, 10);
    if (fields[0].tag === 0xa0) fields = fields.slice(1);
    if (fields.length < 6) throw new Malformed("certificate");
    if (!same(fields[1].raw, algorithm.raw)) throw new Malformed("certificate: two algorithms");
    const wrapped = tagged(fields.slice(6), 3);
    const [since, until] = fields[3].sequence(2, 2).map(timeOf);
    Object.assign(this, {
      raw, algorithm, signed: whole.raw, signature: bitsOf(signature), serial: hexOf(intBytes(fields[0])),
      issuer: fields[2].raw, subject: fields[4].raw, subjectNode: fields[4], since, until, key: new PublicKey(fields[5]),
      extensions: extensionsOf(wrapped && wrapped.children.length ? wrapped.children[0] : null), fingerprint: sha256(raw),
    });
    const inside = (name) => this.extensions.has(name) ? readDer(this.extensions.get(name)[1]) : null;
    const basic = inside(BASIC), parts = basic ? basic.sequence(0, 2) : [], usage = inside(USAGE), purposes = inside(EXTENDED), id = inside(SUBJECT_ID);
    this.isAuthority = parts.length > 0 && parts[0].tag === 0x01 && parts[0].body.length === 1 && parts[0].body[0] === 0xff;
    this.mostBelow = parts.length === 2 ? intOf(parts[1]) : null;
    this.usage = usage ? flagsOf(usage) : null;
    this.purposes = purposes ? purposes.sequence().map(oidOf) : null;
    this.subjectId = id ? id.want(0x04).body : new Uint8Array();
  }
  get name() {
    let said = "";
    for (const group of this.subjectNode.sequence()) for (const pair of group.children) {
      const [kind, value] = pair.sequence(2, 2);
      said = new TextDecoder().decode(value.body);
      if (oidOf(kind) === "2.5.4.3") return said;
    }
    return said;
  }
  may(...uses) { return this.usage === null || uses.some((use) => this.usage.has(use)); }
  async issued(other) {
    return same(other.issuer, this.subject) && isSigned(this.key, other.algorithm, other.signature, other.signed);
  }
}
class RevocationList {
  constructor(raw) {
    const [whole, algorithm, signature] = readDer(raw).sequence(3, 3);
    let fields = whole.sequence(3, 7);
    if (fields[0].tag === 0x02) fields = fields.slice(1);
    if (fields.length < 3) throw new Malformed("revocation list");
    let rest = fields.slice(3);
    Object.assign(this, { algorithm, signed: whole.raw, signature: bitsOf(signature), issuer: fields[1].raw, since: timeOf(fields[2]), until: null });
    if (rest.length && (rest[0].tag === 0x17 || rest[0].tag === 0x18)) { this.until = timeOf(rest[0]); rest = rest.slice(1); }
    const rows = rest.length && rest[0].tag === 0x30 ? rest[0].sequence() : [];
    this.revoked = new Map(rows.map((row) => [hexOf(intBytes(row.sequence(2, 3)[0])), timeOf(row.children[1])]));
    const wrapped = tagged(rest, 0);
    for (const [name, [critical]] of extensionsOf(wrapped && wrapped.children.length ? wrapped.children[0] : null)) {
      if (critical && name !== "2.5.29.20" && name !== "2.5.29.35") throw new Malformed("a revocation list of a part only");
    }
  }
}
function pemBlocks(content, label) {
  if (content[0] === 0x30) return [content];
  const text = new TextDecoder("latin1").decode(content), found = [];
  const block = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, "g");
  for (const match of text.matchAll(block)) if (found.length <= MOST_CERTIFICATES) found.push(base64(match[1].replace(/\s+/g, "")));
  return found;
}
class Trust {
  constructor(roots, others, lists) { Object.assign(this, { roots, others, lists, known: new Map(), numbers: new Map() }); }
  withMore(others, lists) { return new Trust(this.roots, this.others.concat(others), this.lists.concat(lists)); }
  async judged(issuer, other) {
    const pair = `${issuer.fingerprint}${other.fingerprint}`;
    if (!this.known.has(pair)) {
      let verdict = "no";
      if (this.known.size < MOST_SIGNATURES) {
        try {
          verdict = await issuer.issued(other) ? "yes" : "no";
        } catch (why) {
          if (!(why instanceof Malformed)) throw why;
          if (why instanceof Weak) verdict = why.message;
        }
      }
      this.known.set(pair, verdict);
    }
    return this.known.get(pair);
  }
}
async function chainOf(leaf, trust) {
  const waiting = [[leaf]];
  for (let tried = 1; waiting.length; tried += 1) {
    const chain = waiting.shift(), last = chain[chain.length - 1];
    if (trust.roots.some((root) => root.fingerprint === last.fingerprint)) return chain;
    if (chain.length >= LONGEST_CHAIN || tried > 4 * MOST_CERTIFICATES) continue;
    for (const issuer of trust.roots.concat(trust.others)) {
      const isNew = same(issuer.subject, last.issuer) && chain.every((each) => each.fingerprint !== issuer.fingerprint);
      if (isNew && await trust.judged(issuer, last) === "yes") waiting.push([...chain, issuer]);
    }
  }
  return null;
}
async function checkChain(leaf, trust, at, say, path, prefix = "") {
  const tell = (code, where, detail) => say(prefix + code, where, detail);
  for (const certificate of [leaf, ...trust.others]) for (const issuer of trust.roots.concat(trust.others)) {
    const verdict = same(certificate.issuer, issuer.subject) ? await trust.judged(issuer, certificate) : "no";
    if (verdict !== "yes" && verdict !== "no") tell("cert.weak", path, `${certificate.name}: ${verdict}`);
  }
  let chain = await chainOf(leaf, trust);
  if (chain === null) { tell("cert.untrusted", path, leaf.name); chain = [leaf]; }
  chain.forEach((each, place) => checkOne(each, place, at, tell, path));
  for (let n = 0; n + 1 < chain.length; n += 1) await checkRevoked(chain[n], chain[n + 1], trust.lists, at, tell);
}
function checkOne(each, place, at, say, path) {
  const when = `${each.name}: ${shown(each.since)} - ${shown(each.until)}, ${shown(at)}`;
  if (at > each.until) say("cert.expired", path, when);
  if (at < each.since) say("cert.early", path, when);
  if (place && !(each.isAuthority && each.may(5))) say("cert.notauthority", path, each.name);
  if (place && each.mostBelow !== null && BigInt(place - 1) > each.mostBelow) say("cert.notauthority", path, each.name);
  for (const [name, [critical]] of each.extensions) {
    if (critical && ![BASIC, USAGE, EXTENDED, POLICIES, POLICY_LIMITS].includes(name)) say("cert.critical", path, `${each.name}: ${name}`);
  }
}
async function checkRevoked(below, issuer, lists, at, say) {
  const sound = [];
  for (const each of lists) {
    try {
      if (same(each.issuer, issuer.subject) && issuer.may(6) && await isSigned(issuer.key, each.algorithm, each.signature, each.signed)) sound.push(each);
    } catch (why) { if (!(why instanceof Malformed)) throw why; }
  }
  if (!sound.length) { say("crl.missing", "sello/crl", below.name); return; }
  const newest = sound.reduce((a, b) => (b.since > a.since ? b : a));
  const found = sound.filter((each) => each.revoked.has(below.serial)).map((each) => each.revoked.get(below.serial));
  if (found.length) {
    const when = Math.min(...found);
    say(when <= at ? "cert.revoked" : "cert.revokedlater", "sello/crl", `${below.name}: ${shown(when)}`);
  }
  if (newest.until !== null && newest.until < at) say("crl.stale", "sello/crl", `${below.name}: ${shown(newest.until)}`);
}

function attributesOf(node) {
  const found = new Map();
  for (const part of node.children) {
    const [kind, values] = part.sequence(2, 2), name = oidOf(kind), inside = values.want(0x31).children;
    if (found.has(name) || inside.length !== 1) throw new Malformed("CMS: attribute");
    found.set(name, inside[0]);
  }
  return found;
}
class SignedData {
  constructor(raw) {
    const [kind, wrapped] = readDer(raw).sequence(2, 2);
    if (oidOf(kind) !== SIGNED_DATA) throw new Malformed("CMS");
    const fields = first(wrapped.want(0xa0).children).sequence(4, 6), inside = fields[2].sequence(1, 2), middle = fields.slice(3, -1);
    this.contentType = oidOf(inside[0]);
    this.content = inside.length === 2 ? first(inside[1].want(0xa0).children).want(0x04).body : null;
    const bag = tagged(middle, 0), lists = tagged(middle, 1);
    const held = bag ? bag.children.filter((part) => part.tag === 0x30) : [];
    if (held.length > MOST_CERTIFICATES) throw new Malformed("CMS: too many certificates");
    this.certificates = held.map((part) => new Certificate(part.raw));
    this.lists = lists ? lists.children.slice(0, MOST_CERTIFICATES).map((part) => part.raw) : [];
    const signers = fields[fields.length - 1].want(0x31).children;
    if (signers.length !== 1) throw new Malformed("CMS: signers");
    const signer = signers[0].sequence(5, 7), rest = signer.slice(3);
    if (rest[0].tag !== 0xa0 || rest.length < 3) throw new Malformed("CMS: no signed attributes");
    this.namedBy = signer[1];
    this.digestOid = oidOf(signer[2].sequence(1, 2)[0]);
    this.signedAttributes = joined(Uint8Array.of(0x31), rest[0].raw.subarray(1));
    this.attributes = attributesOf(rest[0]);
    this.algorithm = rest[1]; this.signature = rest[2].want(0x04).body;
    const unsigned = tagged(rest.slice(3), 1);
    this.unsigned = unsigned ? attributesOf(unsigned) : new Map();
  }
  signer(others) { return this.certificates.concat(others).find((each) => this.isNamed(each)) || null; }
  isNamed(each) {
    if (this.namedBy.tag === 0x30) {
      const [issuer, serial] = this.namedBy.sequence(2, 2);
      return same(issuer.raw, each.issuer) && hexOf(intBytes(serial)) === each.serial;
    }
    return each.subjectId.length > 0 && same(this.namedBy.want(0x80).body, each.subjectId);
  }
  get signingTime() { const value = this.attributes.get(SIGNING_TIME); return value ? timeOf(value) : null; }
  get weakness() { return OLD_DIGESTS.has(this.digestOid) ? this.digestOid : ""; }
  async isOver(content) {
    const value = this.attributes.get(MESSAGE_DIGEST), kind = this.attributes.get(CONTENT_TYPE);
    if (!value || !kind || oidOf(kind) !== this.contentType) return false;
    return same(value.want(0x04).body, await digestBy(digestName(this.digestOid), content));
  }
  async isSignedBy(each) { return isSigned(each.key, this.algorithm, this.signature, this.signedAttributes, digestName(this.digestOid)); }
  async names(each) {
    const second = this.attributes.get(SIGNING_CERTIFICATE_V2), old = this.attributes.get(SIGNING_CERTIFICATE);
    let digest = "sha1", value;
    if (second) {
      const fields = second.sequence(1, 2)[0].sequence(1)[0].sequence(1, 3), isNamed = fields[0].tag === 0x30;
      digest = isNamed ? digestOf(fields[0]) : "sha256";
      value = fields[isNamed ? 1 : 0];
      if (!value) throw new Malformed("CMS");
    } else if (old) value = old.sequence(1, 2)[0].sequence(1)[0].sequence(1, 2)[0];
    else return false;
    return same(value.want(0x04).body, await digestBy(digest, each.raw));
  }
}
function tokenOf(response) {
  const parts = readDer(response).sequence(1, 2);
  if (parts[0].tag !== 0x30) return response;
  const status = intOf(parts[0].sequence(1, 3)[0]);
  if ((status !== 0n && status !== 1n) || parts.length !== 2) throw new Malformed("TSP: refused");
  return parts[1].raw;
}
function readStamp(token) {
  const signed = new SignedData(token);
  if (signed.contentType !== TST_INFO || signed.content === null) throw new Malformed("TSP: no TSTInfo");
  const fields = readDer(signed.content).sequence(5, 10), [algorithm, imprint] = fields[2].sequence(2, 2);
  return { signed, content: signed.content, digest: digestOf(algorithm), imprint: imprint.want(0x04).body, at: timeOf(fields[4]) };
}
const readableLists = (raws) => raws.flatMap((raw) => { try { return [new RevocationList(raw)]; } catch (why) { if (why instanceof Malformed) return []; throw why; } });
async function checkStamp(response, content, trust, say, path) {
  const fail = (why) => { say(why instanceof Trailing ? "time.trailing" : why instanceof Weak ? "time.weak" : "time.malformed", path, why.message); return null; };
  try {
    const stamp = readStamp(tokenOf(response));
    if (!same(stamp.imprint, await digestBy(stamp.digest, content))) { say("time.imprint", path, hexOf(stamp.imprint).slice(0, 16)); return null; }
    return await checkStampSigner(stamp, trust, say, path) ? stamp.at : null;
  } catch (why) { if (why instanceof Malformed) return fail(why); throw why; }
}
async function checkStampSigner(stamp, trust, say, path) {
  const signed = stamp.signed;
  if (signed.weakness) throw new Weak(signed.weakness);
  const signer = signed.signer(trust.others);
  if (!signer) { say("time.signer", path); return false; }
  if (!(await signed.isOver(stamp.content) && await signed.isSignedBy(signer) && await signed.names(signer))) { say("time.value", path); return false; }
  const critical = (signer.extensions.get(EXTENDED) || [false])[0];
  if (!(signer.purposes && signer.purposes.length === 1 && signer.purposes[0] === STAMPING && critical && signer.may(0, 1))) say("time.eku", path, signer.name);
  await checkChain(signer, trust.withMore(signed.certificates, readableLists(signed.lists)), stamp.at, say, path, "time.");
  return true;
}
