// Opening what was sealed for the response team, in this browser alone: the wire form of `cior_bus.sealed_box`. The
// private key is read from a file that somebody chooses, is held in memory, and is never sent.
import { x25519 } from "@noble/curves/ed25519.js";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { unpack } from "./message_pack";

const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const MAGIC = new TextEncoder().encode("cior.box.2\n");
const KEY_ID = new TextEncoder().encode("cior.box.key\n");
const SIGMA = new TextEncoder().encode("expand 32-byte k");

export class OtherKey extends Error {}

const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at]);

/** HSalsa20 of the shared point with a nonce of zeros: what crypto_box calls its key. */
function boxKey(shared: Uint8Array): Uint8Array {
  const out = new Uint32Array(8);
  hsalsa(words(SIGMA), words(shared), new Uint32Array(4), out);
  return new Uint8Array(out.buffer);
}

/** The content of a libsodium sealed box (crypto_box_seal). Throws when it is not for this key or was changed. */
export function openSealed(box: Uint8Array, secret: Uint8Array): Uint8Array {
  const own = x25519.getPublicKey(secret),
    other = box.slice(0, KEY_BYTES);
  const nonce = blake2b(joined(other, own), { dkLen: NONCE_BYTES });
  return xsalsa20poly1305(boxKey(x25519.getSharedSecret(secret, other)), nonce).decrypt(box.slice(KEY_BYTES));
}

/** The eight bytes that name a public key in a box. */
export const keyId = (publicKey: Uint8Array): Uint8Array => sha256(joined(KEY_ID, publicKey)).slice(0, 8);

/** What was sealed. Throws `OtherKey` when it is not for this key, another error when it was changed or is no box. */
export function openBox(box: Uint8Array, secret: Uint8Array): Uint8Array {
  if (!isSame(box.slice(0, MAGIC.length), MAGIC)) return openSealed(box, secret);
  const { keys, content } = partsOf(unpack(box.slice(MAGIC.length)));
  const wanted = keyId(x25519.getPublicKey(secret));
  const wrapped = keys.find(([name]) => isSame(name, wanted))?.[1];
  if (!wrapped) throw new OtherKey("this box is not for this key");
  const contentKey = openSealed(wrapped, secret);
  const filled = xsalsa20poly1305(contentKey, content.slice(0, NONCE_BYTES)).decrypt(content.slice(NONCE_BYTES));
  const length = new DataView(filled.buffer, filled.byteOffset).getUint32(0);
  return filled.slice(4, 4 + length);
}

function partsOf(found: unknown): { keys: [Uint8Array, Uint8Array][]; content: Uint8Array } {
  const box = found as { keys?: unknown; content?: unknown };
  if (!Array.isArray(box.keys) || !(box.content instanceof Uint8Array)) throw new TypeError("this is no sealed box");
  for (const pair of box.keys as unknown[]) {
    const isPair = Array.isArray(pair) && pair.length === 2 && pair.every((one) => one instanceof Uint8Array);
    if (!isPair) throw new TypeError("this is no sealed box");
  }
  return { keys: box.keys as [Uint8Array, Uint8Array][], content: box.content };
}

/** Base64 (with or without the two letters of URLs) to bytes. */
export function fromBase64(text: string): Uint8Array {
  const plain = text.replace(/-/g, "+").replace(/_/g, "/").replace(/\s/g, "");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

/** The key in a `team.private` file: 32 bytes in base64. Throws for anything else. */
export function keyOf(text: string): Uint8Array {
  const found = text.trim();
  if (!/^[A-Za-z0-9+/_-]{43}=$/.test(found)) throw new TypeError("no key of 32 bytes");
  return fromBase64(found);
}
