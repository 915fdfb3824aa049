// Shapes in normalised coordinates, and how they look on the still. Nothing here asks the server or knows a word.

const SVG = "http://www.w3.org/2000/svg";
export const WIDTH = 1000;

export const round = (value) => Math.round(Math.min(1, Math.max(0, value)) * 10000) / 10000;

export function readPoints(text) {
  const points = text.trim().split(/[\s;]+/).map((pair) => pair.split(",").map(Number));
  const fine = points.every((one) => one.length === 2 && one.every((value) => value >= 0 && value <= 1));
  return fine ? points : null;
}

export const writePoints = (points) => points.map((one) => one.join(",")).join(" ");

export function crosses(polygon) {
  const sides = polygon.map((one, n) => [one, polygon[(n + 1) % polygon.length]]);
  return sides.some((one, n) =>
    sides.some((other, m) => m > n + 1 && m - n < sides.length - 1 && meet(one, other)),
  );
}

function meet([a, b], [c, d]) {
  const turn = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  return turn(a, b, c) * turn(a, b, d) <= 0 && turn(c, d, a) * turn(c, d, b) <= 0;
}

export function makeNode(name, facts, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(facts)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

// Draws everything; `tall` is the picture's height where its width is WIDTH.
export class Easel {
  constructor(svg) {
    this.svg = svg;
    this.tall = 562;
  }

  sized(width, height) {
    this.tall = (WIDTH * height) / width;
    this.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${this.tall}`);
  }

  at([x, y]) {
    return [x * WIDTH, y * this.tall];
  }

  paint({ zones, lines, masks, draft, cross, seen }) {
    const parts = [];
    for (const one of masks) parts.push(...this.area(one, "mask"));
    for (const one of zones) {
      parts.push(...this.area(one, "zone"));
      if (one.axis) parts.push(...this.arrow(one.axis, "axis"));
    }
    for (const one of lines) parts.push(...this.line(one));
    if (draft) parts.push(...this.draft(draft));
    if (cross) parts.push(...this.cross(cross));
    if (seen) parts.push(this.box(seen));
    this.svg.replaceChildren(...parts);
  }

  path(points) {
    return points.map((one) => this.at(one).join(",")).join(" ");
  }

  area(one, kind) {
    const [x, y] = this.at(one.polygon[0]);
    return [
      makeNode("polygon", { points: this.path(one.polygon), class: kind }),
      ...one.polygon.map((point) => this.corner(point)),
      makeNode("text", { x: x + 10, y: Math.max(28, y + 30) }, one.name || one.id),
    ];
  }

  corner(point) {
    const [cx, cy] = this.at(point);
    return makeNode("circle", { cx, cy, r: 6, class: "corner" });
  }

  arrow(points, kind) {
    const [[x1, y1], [x2, y2]] = points.map((one) => this.at(one));
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
    const [bx, by] = [x2 - ux * 24, y2 - uy * 24];
    const head = [[x2, y2], [bx - uy * 12, by + ux * 12], [bx + uy * 12, by - ux * 12]];
    return [
      makeNode("line", { x1, y1, x2: bx, y2: by, class: kind }),
      makeNode("polygon", { points: head.map((one) => one.join(",")).join(" "), class: `${kind}-head` }),
      ...points.map((one) => this.corner(one)),
    ];
  }

  // Side A is on the left of who walks along the arrow, B on the right; the picture's y points down.
  line(one) {
    const [[x1, y1], [x2, y2]] = one.points.map((point) => this.at(point));
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const [lx, ly] = [((y2 - y1) / length) * 46, (-(x2 - x1) / length) * 46];
    const [a, b] = one.sides ?? ["A", "B"];
    const label = (x, y, text) => makeNode("text", { x, y: y + 8, "text-anchor": "middle" }, text);
    return [...this.arrow(one.points, "line"), label(mx + lx, my + ly, a), label(mx - lx, my - ly, b)];
  }

  draft(points) {
    return [
      makeNode("polyline", { points: this.path(points), class: "draft" }),
      ...points.map((one) => this.corner(one)),
    ];
  }

  cross(point) {
    const [x, y] = this.at(point);
    return [
      makeNode("line", { x1: x - 18, y1: y, x2: x + 18, y2: y, class: "cross" }),
      makeNode("line", { x1: x, y1: y - 18, x2: x, y2: y + 18, class: "cross" }),
    ];
  }

  box([left, top, right, bottom]) {
    const [x, y] = this.at([left, top]);
    const [x2, y2] = this.at([right, bottom]);
    return makeNode("rect", { x, y, width: x2 - x, height: y2 - y, class: "seen" });
  }
}
