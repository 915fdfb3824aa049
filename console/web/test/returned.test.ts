import { describe, expect, it } from "vitest";
import { returnedOf } from "../src/core/returned";

describe("back from the city's sign-in", () => {
  it("a second factor goes on where the city left off", () => {
    const step = { state: "second_factor", methods: ["totp"], ticket: "abc" };
    expect(returnedOf(`#step=${encodeURIComponent(JSON.stringify(step))}`)).toEqual({ step, refused: "" });
  });

  it("a refusal is told by its code", () => {
    expect(returnedOf("#refused=openid.state")).toEqual({ step: null, refused: "openid.state" });
  });

  it("whatever else stands there says nothing", () => {
    const odd = ["", "#", "#confirmed", "#step=", "#step=%", "#step=%7B", "#step=null", "#step=%22x%22", "#refused=%3Cb%3E"];
    odd.push(`#step=${encodeURIComponent(JSON.stringify({ state: "signed_in", ticket: "x" }))}`);
    odd.push(`#step=${encodeURIComponent(JSON.stringify({ state: "enrol", ticket: 7 }))}`);
    for (const hash of odd) expect(returnedOf(hash), hash).toEqual({ step: null, refused: "" });
  });
});
