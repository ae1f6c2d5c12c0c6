// The map: points on a canvas, the one that is searched from, and lines from it to its neighbours. For the eye and the mouse
// only; the lists beside it hold the same for everyone.

import { append, fill, h } from "../../ui/dom.js";
import { COLOURS, kindOf } from "./describe.js";
import type { Point } from "./points.js";

export interface Scene {
  /** All points that were ever seen: those that are not alive at the moment are hinted at. */
  known: Iterable<Point>;
  alive: readonly Point[];
  /** The keys that the filter takes; all without one. */
  taken: ReadonlySet<string> | undefined;
  origin: Point | undefined;
  neighbours: readonly Point[];
  /** The field that colours, and its kinds in the order of the colours. */
  field: string | undefined;
  kinds: readonly string[];
}

const MARGIN = 26;
/** How far from a point the mouse still means it, in pixels. */
const REACH = 12;
const LABELS = 6;
const FULL = 2 * Math.PI;

export class VectorMap {
  readonly element: HTMLElement;
  readonly #canvas = h("canvas", { role: "img", onmousemove: (event) => this.#hover(event), onmouseleave: () => (this.#tip.hidden = true), onclick: (event) => this.#click(event) });
  readonly #tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  readonly #probe = h("span", { hidden: true });
  readonly #resized = new ResizeObserver(() => this.#draw());
  readonly #themed = new MutationObserver(() => this.#draw());
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  readonly #switched = () => this.#draw();
  #scene: Scene | undefined;
  #bounds: [left: number, top: number, right: number, bottom: number] = [-1, -1, 1, 1];

  constructor(readonly choose: (point: Point) => void) {
    this.element = h("div", { class: "canvas" }, this.#canvas, this.#tip, this.#probe);
    this.#resized.observe(this.element);
    this.#themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.#dark.addEventListener("change", this.#switched);
  }

  destroy(): void {
    this.#resized.disconnect();
    this.#themed.disconnect();
    this.#dark.removeEventListener("change", this.#switched);
  }

  /** `label` says in words what is to be seen. */
  show(scene: Scene, label: string): void {
    this.#scene = scene;
    this.#canvas.setAttribute("aria-label", label);
    const all = [...scene.known];
    const range = (of: (point: Point) => number) => all.reduce(([low, high], point) => [Math.min(low, of(point)), Math.max(high, of(point))] as const, [Infinity, -Infinity] as const);
    const [[left, right], [top, bottom]] = [range(({ x }) => x), range(({ y }) => y)];
    this.#bounds = all.length === 0 ? [-1, -1, 1, 1] : [left, top, right, bottom];
    this.#draw();
  }

  /** Where a point is, in pixels of the page. */
  #at({ x, y }: Point): [x: number, y: number] {
    const { clientWidth: width, clientHeight: height } = this.element;
    const [left, top, right, bottom] = this.#bounds;
    const along = (value: number, low: number, high: number, size: number) => MARGIN + (high > low ? (value - low) / (high - low) : 0.5) * Math.max(0, size - 2 * MARGIN);
    return [along(x, left, right, width), along(y, top, bottom, height)];
  }

  #nearest(event: MouseEvent): Point | undefined {
    const { left, top } = this.#canvas.getBoundingClientRect();
    let [best, distance]: [Point | undefined, number] = [undefined, REACH];
    for (const point of this.#scene?.alive ?? []) {
      const [x, y] = this.#at(point);
      const away = Math.hypot(x - event.clientX + left, y - event.clientY + top);
      if (away < distance) [best, distance] = [point, away];
    }
    return best;
  }

  #hover(event: MouseEvent): void {
    const point = this.#nearest(event);
    this.#canvas.style.cursor = point ? "pointer" : "";
    this.#tip.hidden = !point;
    if (!point) return;
    const kind = this.#scene?.field !== undefined ? kindOf(point.value, this.#scene.field) : undefined;
    fill(this.#tip, h("strong", {}, point.title), h("span", { class: "soft" }, point.key, kind !== undefined && ` · ${kind}`));
    const [x, y] = this.#at(point);
    const right = x > this.element.clientWidth / 2;
    this.#tip.style.cssText = `top:${y + 8}px;${right ? `right:${this.element.clientWidth - x + 8}px` : `left:${x + 8}px`}`;
  }

  #click(event: MouseEvent): void {
    const point = this.#nearest(event);
    if (point) this.choose(point);
  }

  /** A colour of the style sheet as the canvas takes it: for light or for dark. */
  #colour(name: string): string {
    this.#probe.style.color = `var(--${name})`;
    return getComputedStyle(this.#probe).color;
  }

  #draw(): void {
    const scene = this.#scene;
    const context = this.#canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!scene || !context || width === 0) return;
    const scale = devicePixelRatio;
    [this.#canvas.width, this.#canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const [ink, soft, line, accent, paper] = ["ink", "soft", "line", "accent", "paper"].map((name) => this.#colour(name)) as [string, string, string, string, string];
    const colours = Array.from({ length: COLOURS }, (_, i) => this.#colour(`kind-${i}`));
    const colourOf = new Map(scene.kinds.slice(0, COLOURS).map((kind, i) => [kind, colours[i]!]));
    const dot = (point: Point, radius: number, colour: string) => {
      const [x, y] = this.#at(point);
      context.fillStyle = colour;
      context.beginPath();
      context.arc(x, y, radius, 0, FULL);
      context.fill();
    };
    const colour = (point: Point) => (scene.field === undefined ? accent : (colourOf.get(kindOf(point.value, scene.field) ?? "") ?? soft));
    const radius = scene.alive.length > 2000 ? 2 : scene.alive.length > 300 ? 2.6 : 3.6;
    const alive = new Set(scene.alive);
    const takes = ({ key }: Point) => !scene.taken || scene.taken.has(key);

    context.globalAlpha = 0.7;
    for (const point of scene.known) if (!alive.has(point)) dot(point, 1.2, line);
    for (const point of scene.alive) if (!takes(point)) dot(point, radius * 0.75, line);
    context.globalAlpha = scene.neighbours.length > 0 ? 0.55 : 0.8;
    for (const point of scene.alive) if (takes(point)) dot(point, radius, colour(point));
    context.globalAlpha = 1;
    if (!scene.origin) return;
    const from = this.#at(scene.origin);
    context.strokeStyle = ink;
    context.lineWidth = 0.8;
    context.beginPath();
    for (const point of scene.neighbours) {
      context.moveTo(...from);
      context.lineTo(...this.#at(point));
    }
    context.stroke();
    for (const point of [...scene.neighbours].reverse()) {
      dot(point, 6, ink);
      dot(point, 4.5, colour(point));
    }
    dot(scene.origin, 8.5, accent);
    dot(scene.origin, 6, paper);
    dot(scene.origin, 4, accent);
    this.#labels(context, [scene.origin, ...scene.neighbours.slice(0, LABELS)], ink, paper);
  }

  /** The names of the first ones, where there is room. */
  #labels(context: CanvasRenderingContext2D, points: readonly Point[], ink: string, paper: string): void {
    const taken: [left: number, top: number, right: number, bottom: number][] = [];
    points.forEach((point, i) => {
      context.font = `${i === 0 ? "600 " : ""}12px system-ui, sans-serif`;
      const text = point.title.length > 28 ? `${point.title.slice(0, 27)}…` : point.title;
      const [x, y] = this.#at(point);
      const size = context.measureText(text).width;
      const left = x + size + 14 > this.element.clientWidth ? x - size - 11 : x + 11;
      const box: (typeof taken)[number] = [left - 2, y - 8, left + size + 2, y + 8];
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) return;
      taken.push(box);
      context.lineJoin = "round";
      context.lineWidth = 4;
      context.strokeStyle = paper;
      context.strokeText(text, left, y + 4);
      context.fillStyle = ink;
      context.fillText(text, left, y + 4);
    });
  }
}

/** What the colours mean. */
export function legend(field: string | undefined, kinds: readonly [kind: string, documents: number][]): HTMLElement {
  const list = h("ul", { class: "legend", "aria-label": field === undefined ? "Colours" : `Colours by ${field}` });
  kinds.slice(0, COLOURS).forEach(([kind, documents], i) => append(list, [h("li", {}, h("i", { style: `background:var(--kind-${i})` }), kind, h("span", { class: "soft" }, documents))]));
  if (kinds.length > COLOURS) append(list, [h("li", {}, h("i", { style: "background:var(--soft)" }), "others")]);
  return list;
}
