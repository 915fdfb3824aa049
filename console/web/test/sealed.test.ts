// Boxes made by the centre (`cior_bus.sealed_box`); tests/integration/console/test_console_page_build.py opens them
// there too.
import { describe, expect, it } from "vitest";
import { fromBase64, keyOf, openBox, OtherKey } from "../src/sealed/box";
import { unpack } from "../src/sealed/message_pack";
import vectors from "./sealed_boxes.json";

const secret = keyOf(vectors.private);

describe("what is sealed", () => {
  it("opens with the team's key, of every age of the wire form", () => {
    for (const one of vectors.boxes)
      expect(new TextDecoder().decode(openBox(fromBase64(one.box), secret))).toBe(one.content);
  });

  it("is refused when one bit of it was turned, wherever that is", () => {
    const whole = fromBase64(vectors.boxes[1]!.box);
    for (let at = 0; at < whole.length; at += 37) {
      const box = whole.slice();
      box[at]! ^= 1;
      expect(() => openBox(box, secret), String(at)).toThrow();
    }
  });

  it("says when it is for somebody else", () => {
    expect(() => openBox(fromBase64(vectors.boxes[0]!.box), keyOf(vectors.other_private))).toThrow(OtherKey);
  });

  it("takes 32 bytes in base64 as a key, and nothing else", () => {
    expect(secret.length).toBe(32);
    for (const text of ["", "cior-team+abc+" + vectors.private, "<html>", vectors.private.slice(1)])
      expect(() => keyOf(text)).toThrow();
  });

  it("reads no more MessagePack than a box has", () => {
    expect(() => unpack(Uint8Array.of(0x91))).toThrow();
    expect(() => unpack(Uint8Array.of(0xcb, 0, 0, 0, 0, 0, 0, 0, 0))).toThrow();
    expect(() => unpack(Uint8Array.of(...Array<number>(20).fill(0x91), 0x01))).toThrow();
  });
});
