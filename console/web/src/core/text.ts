// Text from outside stays text (Preact escapes it); what would turn a line around or hide in it is made visible.

const HIDDEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/g;

/** Without direction overrides and zero-width characters (Unicode TR36 §2.5), cut at `limit` characters. */
export function plain(text: string, limit = 600): string {
  const shown = text.replace(HIDDEN, "·");
  return shown.length > limit ? `${shown.slice(0, limit)}…` : shown;
}
