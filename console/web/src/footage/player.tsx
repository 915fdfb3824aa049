// A camera's pictures in an alert's panel, live or around its instant. What is on the screen is never taken for now when
// it is not: the console says since when nothing came, and why, and how far behind the picture is.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Problem } from "../api/shapes";
import { timeText } from "../core/ages";
import { plain } from "../core/text";
import { problemText } from "../state/problem_text";
import { lang, said, t } from "../words/words";
import { canPlay, play, type Screen, type Stumble } from "./screen";
import { askView, closeView, delayS, openView, type ViewState, type Wanted } from "./view";

/** What is watched; one at a time in a panel. */
export const wanted = signal<Wanted | null>(null);

export const stopWatching = (): void => {
  wanted.value = null;
};

const ASK_MS = 2000;
const LATE_S = 10;
const AGAIN_MS = 1500,
  UNREADABLE_MS = 6000;

type Trouble = { at: "none" } | { at: "problem"; problem: Problem } | { at: "codec"; codec: string } | { at: Exclude<Stumble, "again"> };

interface Seen {
  view: ViewState | null;
  trouble: Trouble;
  behindS: number | null;
  screen: Screen | null;
}

const NOTHING: Seen = { view: null, trouble: { at: "none" }, behindS: null, screen: null };

export function Player({ alertId }: { alertId: string }): JSX.Element | null {
  const found = wanted.value?.alertId === alertId ? wanted.value : null;
  return found ? <Watched key={`${found.camera}${found.fromMs}${found.converted}`} wanted={found} /> : null;
}

function Watched({ wanted: what }: { wanted: Wanted }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const group = useRef<HTMLDivElement>(null);
  const seen = useView(what, video);
  useEffect(() => {
    if (what.converted) group.current?.focus(); // the button that was pressed is no longer there
  }, []);
  const isLive = what.fromMs === undefined,
    isOld = seen.view?.state === "silent";
  return (
    <div ref={group} tabIndex={-1} class={`player${isOld ? " old" : ""}`} role="group" aria-label={t("footage_of", plain(what.name, 60))}>
      <div class="row">
        <b>
          {t(isLive ? "footage_live" : "footage_clip")}: {plain(what.name, 60)}
        </b>
        <button type="button" class="small" onClick={stopWatching}>
          {t("footage_close")}
        </button>
      </div>
      <Saying seen={seen} isLive={isLive} />
      {seen.trouble.at === "codec" ? <Offer view={seen.view} wanted={what} /> : null}
      {what.converted ? <ConversionFacts view={seen.view} /> : null}
      <MaskFacts view={seen.view} />
      <Masked video={video} masks={seen.view?.masks ?? []} label={t("footage_of", plain(what.name, 60))} />
      {isLive ? null : <ClipFacts seen={seen} atMs={what.atMs} />}
    </div>
  );
}

/** What this browser cannot show is shown converted to who wants that, or it is said that this centre converts nothing. */
function Offer({ view, wanted: what }: { view: ViewState | null; wanted: Wanted }): JSX.Element {
  if (!view?.convertible) return <p class="dim">{t("footage_not_converted")}</p>;
  return (
    <button type="button" class="small" onClick={() => (wanted.value = { ...what, converted: true })}>
      {t("footage_convert")}
    </button>
  );
}

/** That what is watched is not what the camera sent, and what of it is black. */
function ConversionFacts({ view }: { view: ViewState | null }): JSX.Element {
  return (
    <>
      <p class="converted">▲ {t("footage_converted")}</p>
      {view?.blank?.length ? (
        <ul class="told" aria-label={t("footage_blanks")}>
          {view.blank.map((one) => (
            <li key={one.from_ms}>▲ {t("footage_blank", clockText(one.from_ms, view), clockText(one.to_ms, view))}</li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

/** That something is covered, or that nobody knows whether it should be. */
function MaskFacts({ view }: { view: ViewState | null }): JSX.Element | null {
  if (!view || view.masks?.length === 0) return null;
  return <p class="dim">{t(view.masks ? "footage_masked" : "footage_masks_unknown")}</p>;
}

interface Picture {
  video: { current: HTMLVideoElement | null };
  masks: [number, number][][];
  label: string;
}

/** The picture with what nobody may see covered. The drawing is fitted into its box as the video is. Until the
 * picture's size is known, nothing of a masked camera is shown; its video has no way out of the page. */
function Masked({ video, masks, label }: Picture): JSX.Element {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const measure = (): void => setSize([video.current?.videoWidth ?? 0, video.current?.videoHeight ?? 0]);
  const [width, height] = size;
  const isMasked = masks.length > 0;
  return (
    <div class={`picture${isMasked && !width ? " unsized" : ""}`}>
      <video
        ref={video}
        controls
        muted
        playsInline
        aria-label={label}
        onLoadedMetadata={measure}
        onResize={measure}
        {...(isMasked ? { controlsList: "nofullscreen nodownload noremoteplayback", disablePictureInPicture: true } : {})}
      />
      {isMasked && width ? (
        <svg class="masks" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {masks.map((mask, n) => (
            <polygon key={n} points={mask.map(([x, y]) => `${x * width},${y * height}`).join(" ")} />
          ))}
        </svg>
      ) : null}
    </div>
  );
}

/** What must be read before the picture is believed. */
function Saying({ seen, isLive }: { seen: Seen; isLive: boolean }): JSX.Element {
  const { view, trouble, behindS } = seen;
  if (trouble.at === "problem") return <Bad>{problemText(trouble.problem)}</Bad>;
  if (trouble.at === "codec") return <Bad>{t("footage_codec", trouble.codec)}</Bad>;
  if (trouble.at === "player") return <Bad>{t("footage_player")}</Bad>;
  if (trouble.at === "busy") return <Bad>{t("footage_busy")}</Bad>;
  if (trouble.at === "unreadable") return <Bad>{t("footage_unreadable")}</Bad>;
  if (!view || view.state === "waiting") return <p class="dim">{t("footage_waiting")}</p>;
  if (view.state === "silent") return <Bad>{silence(view)}</Bad>;
  if (!isLive) return <p class="dim">{spanText(view)}</p>;
  if (behindS !== null && behindS > LATE_S) return <Bad>{t("footage_late", behindS)}</Bad>;
  return <p class="good">{behindS === null ? t("footage_waiting") : t("footage_behind", behindS)}</p>;
}

function Bad({ children }: { children: string }): JSX.Element {
  return (
    <p class="banner bad" role="alert">
      ✕ {children}
    </p>
  );
}

const clockText = (atMs: number, view: ViewState): string => timeText(atMs, view.now_ms, lang.value);

function silence(view: ViewState): string {
  const why = view.cause ? ` ${t("footage_why", said("gap", view.cause))}` : "";
  return view.last_ms ? t("footage_silent", clockText(view.last_ms, view)) + why : t("footage_never") + why;
}

const spanText = (view: ViewState): string =>
  view.from_ms && view.to_ms ? t("footage_span", clockText(view.from_ms, view), clockText(view.to_ms, view)) : "";

function ClipFacts({ seen, atMs }: { seen: Seen; atMs: number }): JSX.Element | null {
  const { view, screen } = seen;
  if (!view) return null;
  return (
    <>
      {screen ? (
        <button type="button" class="small" onClick={() => screen.seekTo(atMs)}>
          {t("footage_to_alert")}
        </button>
      ) : null}
      {view.gaps?.length ? (
        <ul class="told" aria-label={t("footage_gaps")}>
          {view.gaps.map((gap) => (
            <li key={gap.from_ms}>
              ▲ {t("footage_gap", clockText(gap.from_ms, view), clockText(gap.to_ms, view), said("gap", gap.cause))}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

/** Opens the view, plays it, asks how it stands; opens it again when the console forgot it. */
function useView(what: Wanted, video: { current: HTMLVideoElement | null }): Seen {
  const [seen, setSeen] = useState<Seen>(NOTHING);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const follow = new Following(what, video, (part) => setSeen((before) => ({ ...before, ...part })), again);
    function again(): void {
      setTurn((before) => before + 1);
    }
    void follow.begin();
    return () => follow.end();
  }, [turn]);
  return seen;
}

class Following {
  private view: ViewState | null = null;
  private screen: Screen | null = null;
  private isOver = false;
  private isStuck = false;
  private timers: ReturnType<typeof setTimeout>[] = [];

  constructor(
    private readonly what: Wanted,
    private readonly video: { current: HTMLVideoElement | null },
    private readonly show: (part: Partial<Seen>) => void,
    private readonly again: () => void,
  ) {}

  async begin(): Promise<void> {
    const answer = await openView(this.what);
    if (this.isOver) return answer.ok ? closeView(answer.value.view_id) : undefined;
    if (!answer.ok) return this.fail(answer.problem);
    this.take(answer.value);
    this.timers.push(setInterval(() => void this.ask(), ASK_MS));
    await this.draw();
  }

  /** The picture begins when something can be shown. */
  private async draw(): Promise<void> {
    const view = this.view,
      video = this.video.current;
    if (!view || !video || this.screen || !(view.codec ?? "")) return;
    if (!canPlay(view.codec ?? "")) return this.show({ trouble: { at: "codec", codec: view.codec ?? "" } });
    const isLive = view.state !== "clip",
      isConverted = view.converted === true;
    const screen = await play(video, view.playlist, isLive, isConverted, (what) => this.stumble(what));
    if (this.isOver || this.screen) return screen.end();
    this.screen = screen;
    this.show({ screen });
  }

  private async ask(): Promise<void> {
    if (!this.view) return;
    const answer = await askView(this.view.view_id);
    if (this.isOver) return;
    if (answer.ok) {
      this.take(answer.value);
      await this.draw();
    } else if (answer.problem.code === "footage.no_view") this.restart();
    else this.show({ trouble: { at: "problem", problem: answer.problem } });
  }

  private take(view: ViewState): void {
    const atMs = Date.now();
    this.view = view;
    const trouble: Trouble = { at: this.isStuck ? "unreadable" : "none" };
    this.show({ view, trouble, behindS: delayS(view, atMs, this.screen?.shownMs() ?? null) });
  }

  private fail(problem: Problem): void {
    this.show({ trouble: { at: "problem", problem } });
    const isLasting = problem.code === "footage.no_converter";
    if ((problem.status === 0 || problem.status >= 500) && !isLasting)
      this.restart(Math.max(AGAIN_MS, Number(problem.extra["retry_after_s"] ?? 0) * 1000));
  }

  private stumble(what: Stumble): void {
    if (what === "again") return this.restart();
    this.show({ trouble: { at: what } });
    if (what === "unreadable") {
      this.isStuck = true;
      if (this.what.fromMs === undefined) this.restart(UNREADABLE_MS); // live goes on with the next part
    }
  }

  private restart(afterMs = AGAIN_MS): void {
    this.timers.push(setTimeout(this.again, afterMs));
  }

  end(): void {
    this.isOver = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.screen?.end();
    if (this.view) closeView(this.view.view_id);
  }
}
