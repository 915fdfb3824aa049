// Passkeys with the browser's own JSON forms (WebAuthn Level 3 §5.1.10, §5.1.11). They exist only on a name with TLS,
// or on `localhost`: an address of numbers is no domain.
import type { Json } from "../api/shapes";

interface WithJson {
  parseRequestOptionsFromJSON(options: Json): PublicKeyCredentialRequestOptions;
  parseCreationOptionsFromJSON(options: Json): PublicKeyCredentialCreationOptions;
}

const own = (): WithJson | null => {
  const found = globalThis.PublicKeyCredential as unknown as Partial<WithJson> | undefined;
  return found?.parseRequestOptionsFromJSON ? (found as WithJson) : null;
};

export const hasPasskeys = (): boolean => own() !== null;

const bare = (options: Json): Json => (options["publicKey"] ?? options["options"] ?? options) as Json;
const jsonOf = (credential: Credential | null): Json | null =>
  credential ? (credential as unknown as { toJSON(): Json }).toJSON() : null;

/** The signed answer of a passkey; null when the person has none, or said no. */
export async function askPasskey(options: Json): Promise<Json | null> {
  const parser = own();
  if (!parser) return null;
  try {
    return jsonOf(await navigator.credentials.get({ publicKey: parser.parseRequestOptionsFromJSON(bare(options)) }));
  } catch {
    return null;
  }
}

/** A new passkey of this machine; null when the person said no. */
export async function makePasskey(options: Json): Promise<Json | null> {
  const parser = own();
  if (!parser) return null;
  try {
    return jsonOf(
      await navigator.credentials.create({ publicKey: parser.parseCreationOptionsFromJSON(bare(options)) }),
    );
  } catch {
    return null;
  }
}
