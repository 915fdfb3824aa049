/* Signatures: RSA and ECDSA by WebCrypto, Ed25519 by arithmetic (RFC 8032). */
const RSA = "1.2.840.113549.1.1.1", PSS = "1.2.840.113549.1.1.10", EC = "1.2.840.10045.2.1", MGF1 = "1.2.840.113549.1.1.8";
const DIGESTS = { "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512" };
const OLD_DIGESTS = new Set(["1.3.14.3.2.26", "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.4"]);
const RSA_WITH = { "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512" };
const EC_WITH = { "1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512" };
const OLD_WITH = new Set(["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.14", "1.2.840.10045.4.1", "1.2.840.10045.4.3.1"]);
const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48] };
const WEB = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

class PublicKey {
  constructor(node) {
    const [algorithm, bits] = node.sequence(2, 2), parts = algorithm.sequence(1, 2);
    this.raw = node.raw; this.kind = oidOf(parts[0]); this.key = bitsOf(bits);
    this.curve = this.kind === EC && parts.length === 2 ? oidOf(parts[1]) : "";
  }
}
function digestName(oid) {
  if (OLD_DIGESTS.has(oid)) throw new Weak(oid);
  if (!DIGESTS[oid]) throw new Malformed(`digest ${oid}`);
  return DIGESTS[oid];
}
const digestOf = (node) => digestName(oidOf(node.sequence(1, 2)[0]));

async function isSigned(key, algorithm, signature, message, digest = "") {
  const parts = algorithm.sequence(1, 2), name = oidOf(parts[0]);
  if (OLD_WITH.has(name)) throw new Weak(name);
  if (EC_WITH[name]) return isEcdsa(key, EC_WITH[name], signature, message);
  if (name === PSS) return isPss(key, parts[1], signature, message);
  const hashed = RSA_WITH[name] || (name === RSA ? digest : "");
  if (!hashed) throw new Malformed(`signature ${name}`);
  checkRsa(key);
  return verified(key, { name: "RSASSA-PKCS1-v1_5", hash: WEB[hashed] }, signature, message);
}
function checkRsa(key) {
  if (key.kind !== RSA && key.kind !== PSS) throw new Malformed("the key is not RSA");
  const [modulus, exponent] = readDer(key.key).sequence(2, 2).map(intOf), bits = modulus.toString(2).length;
  if (modulus <= 0n || bits > 8192 || exponent < 3n || exponent >= 1n << 64n || !(exponent & 1n)) throw new Malformed("RSA key");
  if (bits < 2048) throw new Weak(`RSA-${bits}`);
}
async function verified(key, algorithm, signature, message, how = algorithm) {
  try {
    const imported = await crypto.subtle.importKey("spki", key.raw, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(how, imported, signature, message);
  } catch (why) {
    throw new Malformed(`key: ${why.name}`);
  }
}
async function isPss(key, parameters, signature, message) {
  const parts = parameters ? parameters.sequence() : [], [hashed, mask, salt] = [0, 1, 2].map((n) => tagged(parts, n));
  if (!hashed || !mask) throw new Weak("PSS with SHA-1");
  const digest = digestOf(first(hashed.children)), masking = first(mask.children).sequence(2, 2);
  if (oidOf(masking[0]) !== MGF1 || digestOf(masking[1]) !== digest) throw new Malformed("mask");
  const size = salt ? Number(intOf(first(salt.children))) : 20;
  if (size < 0 || size > 1024) throw new Malformed("PSS salt");
  checkRsa(key);
  const algorithm = { name: "RSA-PSS", hash: WEB[digest] };
  return verified(key, algorithm, signature, message, { ...algorithm, saltLength: size });
}
async function isEcdsa(key, digest, signature, message) {
  const curve = key.kind === EC ? CURVES[key.curve] : null;
  if (!curve) throw new Malformed("curve");
  const [r, s] = readDer(signature).sequence(2, 2).map(intOf);
  const fixed = (value) => bytesOf(value.toString(16).padStart(2 * curve[1], "0"));
  if (r <= 0n || s <= 0n || r >= 1n << BigInt(8 * curve[1]) || s >= 1n << BigInt(8 * curve[1])) return false;
  const algorithm = { name: "ECDSA", namedCurve: curve[0] };
  return verified(key, algorithm, joined(fixed(r), fixed(s)), message, { name: "ECDSA", hash: WEB[digest] });
}

const ED_P = 2n ** 255n - 19n, ED_L = 2n ** 252n + 27742317777372353535851937790883648493n;
const edMod = (value) => ((value % ED_P) + ED_P) % ED_P;
function edPow(base, exponent) {
  let total = 1n;
  for (let b = edMod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % ED_P) if (e & 1n) total = (total * b) % ED_P;
  return total;
}
const ED_D = edMod(-121665n * edPow(121666n, ED_P - 2n)), ED_ROOT = edPow(2n, (ED_P - 1n) / 4n);
const littleOf = (bytes) => bigOf(Uint8Array.from(bytes).reverse());
function edPoint(value) {
  const sign = value >> 255n, y = value & ((1n << 255n) - 1n);
  if (y >= ED_P) return null;
  const square = edMod((y * y - 1n) * edPow(ED_D * y * y + 1n, ED_P - 2n));
  let x = edPow(square, (ED_P + 3n) / 8n);
  if (edMod(x * x - square)) x = (x * ED_ROOT) % ED_P;
  if (edMod(x * x - square) || (x === 0n && sign)) return null;
  if ((x & 1n) !== sign) x = ED_P - x;
  return [x, y, 1n, edMod(x * y)];
}
function edAdd(a, b) {
  const e = edMod((a[1] - a[0]) * (b[1] - b[0])), f = edMod((a[1] + a[0]) * (b[1] + b[0]));
  const g = edMod(2n * a[3] * b[3] * ED_D), h = edMod(2n * a[2] * b[2]);
  const p = f - e, q = h - g, r = h + g, s = f + e;
  return [edMod(p * q), edMod(r * s), edMod(q * r), edMod(p * s)];
}
function edTimes(k, point) {
  let total = [0n, 1n, 1n, 0n];
  for (const bit of k.toString(2)) { total = edAdd(total, total); if (bit === "1") total = edAdd(total, point); }
  return total;
}
function isEd25519(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const a = edPoint(littleOf(key)), r = edPoint(littleOf(signature.subarray(0, 32))), s = littleOf(signature.subarray(32));
  if (!a || !r || s >= ED_L) return false;
  const hashed = bytesOf(new Sha512().update(joined(signature.subarray(0, 32), key, message)).hex());
  const base = edPoint(edMod(4n * edPow(5n, ED_P - 2n)));
  const left = edTimes(s, base), right = edAdd(r, edTimes(littleOf(hashed) % ED_L, a));
  return !edMod(left[0] * right[2] - right[0] * left[2]) && !edMod(left[1] * right[2] - right[1] * left[2]);
}
