// A list of which only the rows in view are drawn.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Entry } from "../core/listing";
import { scrolledTo, windowOf } from "../core/window";
import { cursor, news, point, reading, toggleLine } from "../state/desk";
import { QueueRow } from "./row";

export function rowPx(): number {
  return 5.1 * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

export function WindowedList({
  entries,
  label,
  id,
}: {
  entries: readonly Entry[];
  label: string;
  id: string;
}): JSX.Element {
  const view = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState({ top: 0, height: 400 });
  const height = rowPx();
  const look = (): void => {
    const box = view.current;
    if (box) setScroll({ top: box.scrollTop, height: box.clientHeight });
  };
  useLayoutEffect(look, [entries.length]);
  useEffect(() => {
    const watch = new ResizeObserver(look);
    if (view.current) watch.observe(view.current);
    return () => watch.disconnect();
  }, []);
  const chosen = cursor.value;
  const at = chosen === null ? -1 : entries.findIndex((entry) => entry.key === chosen && !entry.gone);
  useLayoutEffect(() => {
    const box = view.current;
    if (box && at >= 0) box.scrollTop = scrolledTo(at, box.scrollTop, box.clientHeight, height);
  }, [chosen, at]);
  const { from, to } = windowOf(scroll.top, scroll.height, height, entries.length);
  const isDrawn = at >= from && at < to;
  return (
    <div
      ref={view}
      class="view"
      id={id}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      onScroll={look}
      aria-activedescendant={isDrawn ? `row-${chosen}` : undefined}
      onWheel={reading}
      onPointerMove={reading}
    >
      <div class="tall" role="presentation" style={{ height: `${entries.length * height}px` }}>
        {entries.slice(from, to).map((entry, n) => (
          <div
            key={entry.key}
            role="presentation"
            class="slot"
            style={{ transform: `translateY(${(from + n) * height}px)` }}
          >
            <QueueRow
              entry={entry}
              at={from + n}
              of={entries.length}
              isChosen={entry.key === chosen}
              isNew={news.value.includes(entry.row.id)}
              onPress={() => press(entry)}
            />
          </div>
        ))}
      </div>
    </div>
  );
}

function press(entry: Entry): void {
  if (entry.gone) return;
  reading();
  if (entry.members.length > 1) toggleLine(entry.key);
  point(entry.key);
}
