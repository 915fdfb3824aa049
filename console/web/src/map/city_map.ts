// The map itself: OpenLayers on a canvas, which needs no GPU. Layers from below: tiles, districts, streets, facilities,
// cameras, alerts. Alert features are built again at most once a frame and only for what is in view.
import Feature from "ol/Feature";
import OlMap from "ol/Map";
import View from "ol/View";
import GeoJSON from "ol/format/GeoJSON";
import Point from "ol/geom/Point";
import Polygon from "ol/geom/Polygon";
import type BaseLayer from "ol/layer/Base";
import VectorLayer from "ol/layer/Vector";
import VectorSource from "ol/source/Vector";
import { defaults as interactions } from "ol/interaction/defaults";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj";
import { createEmpty, extend, extendCoordinate, isEmpty } from "ol/extent";
import type { FeatureLike } from "ol/Feature";
import type { Row } from "../api/shapes";
import { coneRing } from "../core/geometry";
import type { NearUnit } from "../core/units";
import { kindOf, type Camera, type City } from "../state/city";
import { awayText } from "../state/units";
import { Clusters, pinnedOf, silentBy, type Spot } from "./clusters";
import {
  alertStyle,
  cameraStyle,
  chosenStyle,
  coneStyle,
  districtStyle,
  facilityStyle,
  neighbourhoodStyle,
  streetStyle,
  unitStyle,
} from "./styles";

const MERCATOR = "EPSG:3857";
/** Near enough to read street names; without streets, far enough to see where in the district it is. */
const NEAR_ZOOM = { streets: 16, districts: 13.5 };
const CONE_DEFAULT_M = 60;

const layerOf = (
  style: (feature: FeatureLike, resolution: number) => unknown,
  names = false,
): VectorLayer<VectorSource> =>
  new VectorLayer({
    source: new VectorSource(),
    style: style as never,
    declutter: names ? "names" : false,
    updateWhileAnimating: false,
    updateWhileInteracting: true,
  });

/** What a press on the map may mean besides an alert: a camera, or a place where nothing stands. */
export interface Picks {
  camera: (id: string) => void;
  ground: (lat: number, lon: number) => void;
}
export interface Reach {
  lat: number;
  lon: number;
  metres: number;
}

export class CityMap {
  private readonly map: OlMap;
  private readonly districts = layerOf(districtStyle, true);
  private readonly neighbourhoods = layerOf(neighbourhoodStyle, true);
  private readonly streets = layerOf(streetStyle, true);
  private readonly facilities = layerOf(facilityStyle);
  private readonly cones = layerOf(coneStyle);
  private readonly cameras = layerOf(cameraStyle);
  private readonly units = layerOf(unitStyle);
  private readonly alerts = layerOf(alertStyle);
  /** Above the alerts: whoever was sent must not vanish under them. */
  private readonly sent = layerOf(unitStyle);
  private readonly chosen = layerOf(chosenStyle);
  private readonly clusters = new Clusters();
  private ground: BaseLayer | null = null;
  private pinned: Spot[] = [];
  private frame = 0;
  private rows: readonly Row[] = [];

  constructor(
    place: HTMLElement,
    private readonly onChoose: (id: string) => void,
    private readonly picks: Picks | null = null,
  ) {
    this.map = new OlMap({
      target: place,
      controls: [],
      interactions: interactions({ altShiftDragRotate: false, pinchRotate: false }),
      layers: [
        this.districts,
        this.neighbourhoods,
        this.streets,
        this.facilities,
        this.cones,
        this.cameras,
        this.units,
        this.alerts,
        this.chosen,
        this.sent,
      ],
      view: new View({ center: fromLonLat([-60.66, -32.95]), zoom: 12, minZoom: 9, maxZoom: 19 }),
      moveTolerance: 3,
    });
    this.map.on("moveend", () => this.redraw());
    this.map.on("singleclick", (event) => this.press(event.pixel));
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.map.setTarget();
  }

  showCity(city: City | null): void {
    if (!city) return;
    const read = new GeoJSON({ featureProjection: MERCATOR });
    const features = city.features
      .filter((one) => one.geometry)
      .flatMap((one) => {
        const feature = read.readFeature(one) as Feature;
        feature.set("kind_", kindOf(one));
        return [feature];
      });
    const fill = (layer: VectorLayer<VectorSource>, mine: (feature: Feature) => boolean): void => {
      layer.getSource()?.clear();
      layer.getSource()?.addFeatures(features.filter(mine));
    };
    const isArea = (feature: Feature): boolean => feature.getGeometry()?.getType().includes("Polygon") ?? false;
    const isLine = (feature: Feature): boolean => feature.getGeometry()?.getType().includes("Line") ?? false;
    const isNeighbourhood = (feature: Feature): boolean => feature.get("kind_") === "neighbourhood";
    fill(
      this.districts,
      (feature) => isArea(feature) && feature.get("kind_") !== "block" && !isNeighbourhood(feature),
    );
    fill(this.neighbourhoods, (feature) => isArea(feature) && isNeighbourhood(feature));
    fill(this.streets, isLine);
    fill(this.facilities, (feature) => feature.getGeometry()?.getType() === "Point");
    this.markSilent();
    this.fit();
  }

  /** What lies below everything: map tiles, or nothing. */
  layGround(layer: BaseLayer | null): void {
    if (this.ground) this.map.removeLayer(this.ground);
    this.ground = layer;
    if (layer) this.map.getLayers().insertAt(0, layer);
  }

  /** `seeing`: those that see the alert; where cameras are picked (`Picks`), those that were. */
  showCameras(cameras: readonly Camera[], seeing: ReadonlySet<string>): void {
    const pickable = this.picks !== null;
    const points = cameras.map((camera) => {
      const feature = new Feature(new Point(fromLonLat([camera.lon, camera.lat])));
      feature.setProperties({ camera, sees: seeing.has(camera.id), pickable });
      return feature;
    });
    const cones = cameras.flatMap((camera) => {
      if (camera.azimuth == null || camera.fov == null) return [];
      const ring = coneRing({
        lat: camera.lat,
        lon: camera.lon,
        azimuth: camera.azimuth,
        fov: camera.fov,
        range: camera.range_m ?? CONE_DEFAULT_M,
      });
      const feature = new Feature(new Polygon([ring.map((at) => fromLonLat(at))]));
      feature.setProperties({ camera, sees: seeing.has(camera.id) });
      return [feature];
    });
    refill(this.cameras, points);
    refill(this.cones, cones);
  }

  showUnits(units: readonly NearUnit[], sent: ReadonlySet<string>): void {
    const features = units.map((near) => {
      const feature = new Feature(new Point(fromLonLat([near.unit.lon, near.unit.lat])));
      feature.setProperties({ near, isSent: sent.has(near.unit.id), away: awayText(near) });
      return feature;
    });
    refill(
      this.units,
      features.filter((feature) => !feature.get("isSent")),
    );
    refill(
      this.sent,
      features.filter((feature) => feature.get("isSent")),
    );
  }

  showAlerts(rows: readonly Row[]): void {
    this.rows = rows;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.clusters.load(rows);
      this.pinned = pinnedOf(rows);
      this.markSilent();
      this.redraw();
    });
  }

  choose(row: Row | null): void {
    const isLocated = row && !row.silent && row.lat != null && row.lon != null;
    refill(this.chosen, isLocated ? [new Feature(new Point(fromLonLat([row.lon!, row.lat!])))] : []);
    if (!isLocated) return;
    const view = this.map.getView();
    view.setCenter(fromLonLat([row.lon!, row.lat!]));
    const near = this.streets.getSource()?.getFeatures().length ? NEAR_ZOOM.streets : NEAR_ZOOM.districts;
    if ((view.getZoom() ?? 0) < near) view.setZoom(near);
  }

  /** A point and what lies around it. */
  showReach(reach: Reach | null): void {
    if (!reach) return refill(this.chosen, []);
    const { lat, lon, metres: range } = reach;
    const ring = coneRing({ lat, lon, azimuth: 0, fov: 360, range }, 48);
    const around = new Feature(new Polygon([[...ring, ring[0]!].map((at) => fromLonLat(at))]));
    refill(this.chosen, [new Feature(new Point(fromLonLat([lon, lat]))), around]);
  }

  /** The whole of these places in sight, near enough to see which way their cameras look. */
  lookAt(places: readonly { lat: number; lon: number }[]): void {
    const extent = createEmpty();
    for (const at of places) extendCoordinate(extent, fromLonLat([at.lon, at.lat]));
    if (!isEmpty(extent)) this.map.getView().fit(extent, { padding: [40, 40, 40, 40], maxZoom: NEAR_ZOOM.streets });
  }

  private fit(): void {
    const extent = createEmpty();
    for (const layer of [this.districts, this.streets]) {
      const found = layer.getSource()?.getExtent();
      if (found) extend(extent, found);
    }
    if (!isEmpty(extent)) this.map.getView().fit(extent, { padding: [12, 12, 12, 12] });
  }

  private redraw(): void {
    const size = this.map.getSize();
    if (!size) return;
    const view = this.map.getView();
    const bounds = transformExtent(view.calculateExtent(size), MERCATOR, "EPSG:4326") as [
      number,
      number,
      number,
      number,
    ];
    const spots = [...this.clusters.spots(bounds, view.getZoom() ?? 12), ...this.pinned];
    refill(
      this.alerts,
      spots.map((spot) => {
        const feature = new Feature(new Point(fromLonLat([spot.lon, spot.lat])));
        feature.set("spot", spot);
        return feature;
      }),
    );
  }

  private markSilent(): void {
    const silent = silentBy(this.rows);
    for (const feature of this.districts.getSource()?.getFeatures() ?? []) {
      const count = silent.get(String(feature.get("id"))) ?? 0;
      if ((feature.get("silent") ?? 0) !== count) feature.set("silent", count);
    }
  }

  private press(pixel: number[]): void {
    const found = this.map.forEachFeatureAtPixel(pixel, (feature) => feature.get("spot") as Spot | undefined, {
      layerFilter: (layer) => layer === this.alerts,
      hitTolerance: 6,
    });
    if (!found) return this.pick(pixel);
    if (found.row) {
      this.onChoose(found.row.id);
      return;
    }
    const view = this.map.getView();
    view.setCenter(fromLonLat([found.lon, found.lat]));
    view.setZoom((view.getZoom() ?? 12) + 2);
  }

  private pick(pixel: number[]): void {
    if (!this.picks) return;
    const camera = this.map.forEachFeatureAtPixel(pixel, (feature) => feature.get("camera") as Camera | undefined, {
      layerFilter: (layer) => layer === this.cameras,
      hitTolerance: 8,
    });
    if (camera) return this.picks.camera(camera.id);
    const [lon = 0, lat = 0] = toLonLat(this.map.getCoordinateFromPixel(pixel));
    this.picks.ground(lat, lon);
  }
}

function refill(layer: VectorLayer<VectorSource>, features: Feature[]): void {
  const source = layer.getSource();
  source?.clear(true);
  source?.addFeatures(features);
}
