// Which rows of a long list are drawn: a fixed height each, so thousands cost as much as twenty.

export interface Window {
  from: number;
  to: number;
}

export function windowOf(scrollTop: number, heightPx: number, rowPx: number, rows: number, spare = 6): Window {
  const first = Math.max(0, Math.floor(scrollTop / rowPx));
  const last = Math.ceil((scrollTop + heightPx) / rowPx);
  return { from: Math.max(0, Math.min(first, rows) - spare), to: Math.min(rows, last + spare) };
}

/** Where to scroll so that row `at` is in view; `scrollTop` itself when it already is. */
export function scrolledTo(at: number, scrollTop: number, heightPx: number, rowPx: number): number {
  const top = at * rowPx;
  if (top < scrollTop) return top;
  return top + rowPx > scrollTop + heightPx ? top + rowPx - heightPx : scrollTop;
}
