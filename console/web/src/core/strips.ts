// Stretches of time as parts of a strip, for a drawing; and how much of a time they are.
export interface Stretch {
  since: string;
  until: string;
}
/** From `x` on, `width` wide, of a strip that is 1 long. */
export interface Strip {
  x: number;
  width: number;
}

const msOf = (one: Stretch): [number, number] => [Date.parse(one.since), Date.parse(one.until)];

/** The parts of `whole` that these stretches are; what lies outside of it is cut off. */
export function stripsOf(whole: Stretch, stretches: readonly Stretch[]): Strip[] {
  const [since, until] = msOf(whole);
  return stretches.flatMap((one) => {
    const [from, to] = msOf(one);
    const start = Math.max(from, since),
      end = Math.min(to, until);
    return start < end ? [{ x: (start - since) / (until - since), width: (end - start) / (until - since) }] : [];
  });
}

/** How long they are together, ms; where two say the same time it counts once. */
export function lengthMs(stretches: readonly Stretch[]): number {
  let total = 0,
    reached = -Infinity;
  for (const [from, to] of stretches.map(msOf).sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total;
}
