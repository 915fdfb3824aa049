// View cones of cameras, on a plane tangent at the camera: enough for the few hundred metres that one sees. Distances
// within a city.

const EARTH_M = 6_371_000;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** The point `metres` away from (lat, lon) towards `azimuth` (degrees clockwise from north), as [lon, lat]. */
export function pointAt(lat: number, lon: number, azimuth: number, metres: number): [number, number] {
  const north = (metres * Math.cos(radians(azimuth))) / EARTH_M;
  const east = (metres * Math.sin(radians(azimuth))) / (EARTH_M * Math.cos(radians(lat)));
  return [lon + (east * 180) / Math.PI, lat + (north * 180) / Math.PI];
}

/** Great-circle distance in metres (haversine), as core reckons it. */
export function metresApart(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const half =
    Math.sin(radians(b.lat - a.lat) / 2) ** 2 +
    Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(radians(b.lon - a.lon) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

/** The sector that a camera sees, as a closed ring of [lon, lat]; a whole circle from 360 degrees on. */
export function coneRing(
  camera: { lat: number; lon: number; azimuth: number; fov: number; range: number },
  steps = 16,
): [number, number][] {
  const { lat, lon, azimuth, fov, range } = camera;
  const whole = fov >= 360;
  const ring: [number, number][] = whole ? [] : [[lon, lat]];
  const from = azimuth - Math.min(fov, 360) / 2;
  for (let step = 0; step <= steps; step++) {
    ring.push(pointAt(lat, lon, from + (Math.min(fov, 360) * step) / steps, range));
  }
  if (!whole) ring.push([lon, lat]);
  return ring;
}
