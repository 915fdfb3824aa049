// The one policy of trusted types (W3C Trusted Types §3): no HTML from text, scripts only out of our own folder.
// "M" is what OpenLayers measures letters with.
interface TrustedTypes {
  createPolicy(name: string, rules: Record<string, (text: string) => string>): unknown;
}

function ownScript(address: string): string {
  const url = new URL(address, location.href);
  if (url.origin === location.origin && url.pathname.startsWith("/console/assets/")) return url.href;
  throw new TypeError("not a script of this console");
}

function noHtml(text: string): string {
  if (text === "M") return text;
  throw new TypeError("no text becomes HTML here");
}

const found = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
found?.createPolicy("default", { createScriptURL: ownScript, createHTML: noHtml });
