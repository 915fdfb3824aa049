// Parts that every page uses.
import type { ComponentChildren, JSX } from "preact";

interface ButtonProps {
  onPress: () => void;
  children: ComponentChildren;
  hint?: string;
  tone?: "plain" | "main" | "danger";
  off?: boolean;
  label?: string;
  pressed?: boolean;
}

/** A button with the key that does the same. */
export function Button({
  onPress,
  children,
  hint,
  tone = "plain",
  off = false,
  label,
  pressed,
}: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`button ${tone}`}
      disabled={off}
      onClick={onPress}
      aria-label={label}
      aria-pressed={pressed}
      aria-keyshortcuts={hint}
    >
      <span>{children}</span>
      {hint ? <kbd aria-hidden="true">{hint}</kbd> : null}
    </button>
  );
}

export function Tag({ children, tone = "" }: { children: ComponentChildren; tone?: string }): JSX.Element {
  return <span class={`tag ${tone}`}>{children}</span>;
}

export function Section({
  title,
  children,
  count,
}: {
  title: string;
  children: ComponentChildren;
  count?: number;
}): JSX.Element {
  return (
    <section class="section">
      <h3>
        {title}
        {count === undefined ? "" : ` (${count})`}
      </h3>
      {children}
    </section>
  );
}
