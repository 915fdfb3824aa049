// Plays a view's playlist in a video element: by hls.js where the browser has Media Source Extensions, else by itself.
import type Hls from "hls.js";

export interface Screen {
  /** The instant of the picture that is shown, UTC ms. */
  shownMs: () => number | null;
  /** To an instant of a clip. */
  seekTo: (atMs: number) => void;
  end: () => void;
}

/** `player`: this browser failed; `again`: the line did; of a conversion `busy`: the console has enough to convert and is
 * asked again, `unreadable`: a part of it is none. */
export type Stumble = "player" | "again" | "busy" | "unreadable";

const NATIVE = "application/vnd.apple.mpegurl";
const BEHIND_S = 2,
  TOO_FAR_S = 6;
/** Of a conversion: its pieces are whole segments, each made when it is asked for. */
const CONVERTED_BEHIND_S = 3,
  CONVERTED_TOO_FAR_S = 10;
const BUSY = 503,
  UNREADABLE = 422;

/** Whether this browser decodes it; before a codec is known nothing speaks against it. */
export function canPlay(codec: string): boolean {
  if (!codec) return true;
  const type = `video/mp4; codecs="${codec}"`;
  if ("MediaSource" in globalThis) return MediaSource.isTypeSupported(type);
  return document.createElement("video").canPlayType(type) !== "";
}

export async function play(
  video: HTMLVideoElement,
  playlist: string,
  isLive: boolean,
  isConverted: boolean,
  onTrouble: (what: Stumble) => void,
): Promise<Screen> {
  // The player is a chunk of its own: most of a shift nobody looks at a camera.
  const { default: Player } = await import("hls.js/light");
  if (Player.isSupported()) return withPlayer(new Player(optionsOf(isLive, isConverted)), video, playlist, onTrouble);
  if (video.canPlayType(NATIVE)) return byItself(video, playlist, onTrouble);
  onTrouble("player");
  return { shownMs: () => null, seekTo: () => undefined, end: () => undefined };
}

/** No worker of its own: it would be made of text, which the page's policy forbids, and there is little to do. */
const optionsOf = (isLive: boolean, isConverted: boolean): Partial<Hls["config"]> => ({
  enableWorker: false,
  backBufferLength: 15,
  ...(isLive
    ? {
        liveSyncDuration: isConverted ? CONVERTED_BEHIND_S : BEHIND_S,
        liveMaxLatencyDuration: isConverted ? CONVERTED_TOO_FAR_S : TOO_FAR_S,
        maxLiveSyncPlaybackRate: 1.3,
        maxBufferLength: 8,
      }
    : { maxBufferLength: 30 }),
});

interface PlayerError {
  fatal: boolean;
  type: string;
  response?: { code?: number };
}

function withPlayer(
  player: Hls,
  video: HTMLVideoElement,
  playlist: string,
  onTrouble: (what: Stumble) => void,
): Screen {
  player.on("hlsError" as Parameters<Hls["on"]>[0], ((_name: string, found: PlayerError) => {
    const status = found.response?.code;
    if (status === BUSY) onTrouble("busy");
    if (!found.fatal) return;
    if (found.type === "mediaError") player.recoverMediaError();
    else if (status === UNREADABLE) onTrouble("unreadable");
    else onTrouble(found.type === "networkError" ? "again" : "player");
  }) as Parameters<Hls["on"]>[1]);
  player.loadSource(playlist);
  player.attachMedia(video);
  void video.play().catch(() => undefined); // whoever looks presses play where the browser wants that
  return {
    shownMs: () => player.playingDate?.getTime() ?? null,
    seekTo: (atMs) => seek(player, video, atMs),
    end: () => player.destroy(),
  };
}

function seek(player: Hls, video: HTMLVideoElement, atMs: number): void {
  const pieces = player.latestLevelDetails?.fragments ?? [];
  const piece = pieces.findLast((one) => (one.programDateTime ?? Infinity) <= atMs) ?? pieces[0];
  if (!piece) return;
  video.currentTime = piece.start + Math.max(0, Math.min(piece.duration, (atMs - (piece.programDateTime ?? atMs)) / 1000));
}

function byItself(video: HTMLVideoElement, playlist: string, onTrouble: (what: Stumble) => void): Screen {
  const began = (): number => (video as { getStartDate?: () => Date }).getStartDate?.().getTime() ?? NaN;
  const fail = (): void => onTrouble("again");
  video.addEventListener("error", fail);
  video.src = playlist;
  void video.play().catch(() => undefined);
  return {
    shownMs: () => (Number.isFinite(began()) ? began() + video.currentTime * 1000 : null),
    seekTo: (atMs) => {
      if (Number.isFinite(began())) video.currentTime = Math.max(0, (atMs - began()) / 1000);
    },
    end: () => {
      video.removeEventListener("error", fail);
      video.removeAttribute("src");
      video.load();
    },
  };
}
