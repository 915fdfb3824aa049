// The map tiles of the city pack (PMTiles) below the city's own streets. A chunk of its own, asked for only where a pack
// has tiles; the file is read by byte ranges from this console.
import { EtagMismatch, FetchSource, PMTiles, type RangeResponse, type Source } from "pmtiles";
import TileState from "ol/TileState";
import type VectorTile from "ol/VectorTile";
import type { FeatureLike } from "ol/Feature";
import MVT from "ol/format/MVT";
import type BaseLayer from "ol/layer/Base";
import TileLayer from "ol/layer/Tile";
import VectorTileLayer from "ol/layer/VectorTile";
import ImageTileSource from "ol/source/ImageTile";
import VectorTileSource from "ol/source/VectorTile";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import type { Tiles } from "../state/city";

const ADDRESS = "/api/v1/city/tiles";
type AskTile = (z: number, x: number, y: number) => Promise<ArrayBuffer | null>;

/** The layer; `onDamaged` is told once when the file is not what its header says. */
export function tilesLayer(tiles: Tiles, onDamaged: () => void): BaseLayer {
  const archive = new PMTiles(new OwnFile());
  const ask: AskTile = async (z, x, y) => (await archive.getZxy(z, x, y))?.data ?? null;
  return tiles.kind === "mvt" ? lines(tiles, ask, onDamaged) : pictures(tiles, ask, onDamaged);
}

/** A line that is cut, or a console that is away, damages no file: the map asks again when it is moved. */
class Away extends Error {}
const isAway = (error: unknown): boolean => error instanceof Away;

/** The file at this console. What lies beyond its end (416) is missing, whatever its header says. */
class OwnFile implements Source {
  private readonly file = new FetchSource(new URL(ADDRESS, location.href).href);

  getKey(): string {
    return this.file.getKey();
  }

  async getBytes(...asked: Parameters<FetchSource["getBytes"]>): Promise<RangeResponse> {
    try {
      return await this.file.getBytes(...asked);
    } catch (error) {
      if (error instanceof EtagMismatch || String(error).includes("416")) throw error;
      throw new Away(String(error));
    }
  }
}

function lines(tiles: Tiles, ask: AskTile, onDamaged: () => void): BaseLayer {
  const source = new VectorTileSource({
    format: new MVT(),
    minZoom: tiles.min_zoom,
    maxZoom: tiles.max_zoom,
    url: "{z}/{x}/{y}",
    tileLoadFunction: (asked) => {
      const tile = asked as VectorTile<never>;
      const [z = 0, x = 0, y = 0] = tile.getTileCoord();
      tile.setLoader((extent, _resolution, projection) => {
        ask(z, x, y)
          .then((data) =>
            tile.setFeatures(
              data ? tile.getFormat().readFeatures(data, { extent, featureProjection: projection }) : [],
            ),
          )
          .catch((error: unknown) => {
            tile.setState(TileState.ERROR);
            if (!isAway(error)) onDamaged();
          });
      });
    },
  });
  return new VectorTileLayer({ source, style: groundStyle, updateWhileInteracting: false });
}

function pictures(tiles: Tiles, ask: AskTile, onDamaged: () => void): BaseLayer {
  const source = new ImageTileSource({
    minZoom: tiles.min_zoom,
    maxZoom: tiles.max_zoom,
    loader: async (z, x, y) => {
      try {
        const data = await ask(z, x, y);
        return data ? await createImageBitmap(new Blob([data], { type: `image/${tiles.kind}` })) : nothing();
      } catch (error) {
        if (!isAway(error)) onDamaged();
        throw error;
      }
    },
  });
  // A photograph or a printed map is bright: alerts must stay the brightest thing.
  return new TileLayer({ source, opacity: 0.45 });
}

function nothing(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  return canvas;
}

const filled = (color: string): Style => new Style({ fill: new Fill({ color }) });
const drawn = (color: string, width: number): Style => new Style({ stroke: new Stroke({ color, width }) });
const WATER = [filled("#12293b"), drawn("#1c3f59", 1.5)],
  GREEN = [filled("#12231a")],
  BUILT = [filled("#1a242e")],
  WAYS = [drawn("#2e3c4a", 1)],
  BORDERS = [drawn("#45566a", 1)],
  REST = [drawn("#26323e", 1)];

/** A calm ground, whatever the file calls its layers; its names are left out, the city's own stand above. */
function groundStyle(feature: FeatureLike): Style[] {
  const layer = String(feature.get("layer") ?? feature.get("kind") ?? "");
  if (feature.getGeometry()?.getType().includes("Point")) return [];
  if (/water|ocean|river|hidro|agua/i.test(layer)) return WATER;
  if (/park|wood|forest|land|verde|natural/i.test(layer)) return GREEN;
  if (/build|edif/i.test(layer)) return BUILT;
  if (/road|transport|street|calle|ruta|rail/i.test(layer)) return WAYS;
  if (/bound|border|l[ií]mite/i.test(layer)) return BORDERS;
  return /earth|tierra/i.test(layer) ? [] : REST;
}
