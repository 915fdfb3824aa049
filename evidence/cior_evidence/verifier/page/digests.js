/* Digests by streams, since WebCrypto's own cannot: FIPS 180-4. */
const [K32, K64, H32, H64] = (() => {
  const primes = [];
  for (let n = 2; primes.length < 80; n += 1) if (primes.every((p) => n % p)) primes.push(n);
  const root = (value, power) => {
    let low = 0n, high = 1n << 80n;
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** power <= value) low = middle; else high = middle;
    }
    return low & 0xffffffffffffffffn;
  };
  const k = primes.map((p) => root(BigInt(p) << 192n, 3n));
  const h = primes.slice(0, 8).map((p) => root(BigInt(p) << 128n, 2n));
  const pairs = (list) => Int32Array.from(list.flatMap((v) => [Number(v >> 32n), Number(v & 0xffffffffn)].map((n) => n | 0)));
  return [pairs(k).filter((_, n) => n % 2 === 0).slice(0, 64), pairs(k), pairs(h).filter((_, n) => n % 2 === 0), pairs(h)];
})();

class Sha {
  constructor(block, state) {
    this.block = block; this.state = state; this.held = new Uint8Array(block); this.count = 0; this.size = 0;
  }
  update(bytes) {
    this.size += bytes.length;
    let at = 0;
    if (this.count) {
      const part = Math.min(this.block - this.count, bytes.length);
      this.held.set(bytes.subarray(0, part), this.count);
      this.count += part; at = part;
      if (this.count < this.block) return this;
      this.mix(this.held, 0); this.count = 0;
    }
    for (; at + this.block <= bytes.length; at += this.block) this.mix(bytes, at);
    this.held.set(bytes.subarray(at), 0); this.count = bytes.length - at;
    return this;
  }
  hex() {
    const length = this.block / 8, total = this.count + 1 + length > this.block ? 2 * this.block : this.block;
    const tail = new Uint8Array(total);
    tail.set(this.held.subarray(0, this.count)); tail[this.count] = 0x80;
    let bits = BigInt(this.size) * 8n;
    for (let n = total - 1; bits > 0n; n -= 1) { tail[n] = Number(bits & 255n); bits >>= 8n; }
    for (let at = 0; at < total; at += this.block) this.mix(tail, at);
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

class Sha256 extends Sha {
  constructor() { super(64, Int32Array.from(H32)); this.w = new Int32Array(64); }
  mix(bytes, at) {
    const w = this.w, s = this.state;
    for (let n = 0; n < 16; n += 1) {
      const p = at + 4 * n;
      w[n] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
    }
    for (let n = 16; n < 64; n += 1) {
      const x = w[n - 15], y = w[n - 2];
      const a = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const b = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[n] = (w[n - 16] + a + w[n - 7] + b) | 0;
    }
    let [a, b, c, d, e, f, g, h] = s;
    for (let n = 0; n < 64; n += 1) {
      const one = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const first = (h + one + ((e & f) ^ (~e & g)) + K32[n] + w[n]) | 0;
      const zero = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const second = (zero + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + first) | 0; d = c; c = b; b = a; a = (first + second) | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }
}

/* 64-bit words as (high, low) pairs of 32. */
class Sha512 extends Sha {
  constructor() { super(128, Int32Array.from(H64)); this.w = new Int32Array(160); }
  mix(bytes, at) {
    const w = this.w, s = this.state;
    for (let n = 0; n < 32; n += 1) {
      const p = at + 4 * n;
      w[n] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
    }
    for (let n = 32; n < 160; n += 2) {
      const xh = w[n - 30], xl = w[n - 29], yh = w[n - 4], yl = w[n - 3];
      const ah = ((xh >>> 1) | (xl << 31)) ^ ((xh >>> 8) | (xl << 24)) ^ (xh >>> 7);
      const al = ((xl >>> 1) | (xh << 31)) ^ ((xl >>> 8) | (xh << 24)) ^ ((xl >>> 7) | (xh << 25));
      const bh = ((yh >>> 19) | (yl << 13)) ^ ((yl >>> 29) | (yh << 3)) ^ (yh >>> 6);
      const bl = ((yl >>> 19) | (yh << 13)) ^ ((yh >>> 29) | (yl << 3)) ^ ((yl >>> 6) | (yh << 26));
      const low = (w[n - 31] >>> 0) + (al >>> 0) + (w[n - 13] >>> 0) + (bl >>> 0);
      w[n + 1] = low; w[n] = w[n - 32] + ah + w[n - 14] + bh + Math.floor(low / 4294967296);
    }
    const v = Int32Array.from(s);
    for (let n = 0; n < 160; n += 2) {
      const eh = v[8], el = v[9], ah = v[0], al = v[1];
      const oneH = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
      const oneL = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
      const chH = (eh & v[10]) ^ (~eh & v[12]), chL = (el & v[11]) ^ (~el & v[13]);
      const low1 = (v[15] >>> 0) + (oneL >>> 0) + (chL >>> 0) + (K64[n + 1] >>> 0) + (w[n + 1] >>> 0);
      const high1 = (v[14] + oneH + chH + K64[n] + w[n] + Math.floor(low1 / 4294967296)) | 0;
      const zeroH = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
      const zeroL = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
      const majH = (ah & v[2]) ^ (ah & v[4]) ^ (v[2] & v[4]), majL = (al & v[3]) ^ (al & v[5]) ^ (v[3] & v[5]);
      const low2 = (zeroL >>> 0) + (majL >>> 0);
      const high2 = (zeroH + majH + Math.floor(low2 / 4294967296)) | 0;
      v.copyWithin(2, 0, 14);
      const lowE = (v[9] >>> 0) + ((low1 | 0) >>> 0);
      v[8] = v[8] + high1 + Math.floor(lowE / 4294967296); v[9] = lowE;
      const lowA = ((low1 | 0) >>> 0) + ((low2 | 0) >>> 0);
      v[0] = high1 + high2 + Math.floor(lowA / 4294967296); v[1] = lowA;
    }
    for (let n = 0; n < 16; n += 2) {
      const low = (s[n + 1] >>> 0) + (v[n + 1] >>> 0);
      s[n] = s[n] + v[n] + Math.floor(low / 4294967296); s[n + 1] = low;
    }
  }
}

const sha256 = (bytes) => new Sha256().update(bytes).hex();
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (hex) => {
  if (hex.length % 2 || !/^[0-9a-fA-F]*$/.test(hex)) throw new Malformed("hex");
  return Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
};
const textBytes = (text) => new TextEncoder().encode(text);
const same = (a, b) => a.length === b.length && a.every((byte, n) => byte === b[n]);
const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};
const base64 = (text) => {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Malformed("base64");
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
};
async function digestBy(name, bytes) {
  return new Uint8Array(await crypto.subtle.digest({ sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" }[name], bytes));
}
