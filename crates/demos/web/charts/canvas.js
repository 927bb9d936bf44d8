// A canvas that fills its place, is redrawn as time passes, and takes its colours from the
// stylesheet.

/** The shortest time between two pictures: more than 20 per second are not needed. */
const FRAME_MS = 48;
const REDUCED_MOTION_FRAME_MS = 1000;

/** How often the description for screen readers changes: a reader cannot follow faster changes. */
const DESCRIPTION_MS = 5000;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const darkScheme = matchMedia("(prefers-color-scheme: dark)");

export class AnimatedCanvas {
  #place;
  #draw;
  #describe;
  #fontScale;
  #colours;
  #frame;
  #visible = true;
  #drawn_at = -Infinity;
  #described_at = -Infinity;
  #visibility = new IntersectionObserver(([entry]) => {
    this.#visible = entry.isIntersecting;
  });
  #size = new ResizeObserver(() => this.redraw());
  #recolour = () => {
    this.#colours = undefined;
    this.redraw();
  };

  /**
   * Puts a canvas into `place`, whose size it takes.
   *
   * @param {HTMLElement} place
   * @param {object} options
   * @param {(pen: CanvasRenderingContext2D, size: {width: number, height: number}, colours: object)
   *   => void} options.draw draws the picture; `colours` has `of(property)` and the common colours
   *   of the stylesheet
   * @param {() => string} options.describe says in words what the picture shows
   * @param {number} [options.fontScale] the size of labels, relative to the text of the place
   */
  constructor(place, { draw, describe, fontScale = 0.75 }) {
    this.#place = place;
    this.#draw = draw;
    this.#describe = describe;
    this.#fontScale = fontScale;
    this.element = document.createElement("canvas");
    this.element.className = "chart";
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", describe());
    place.append(this.element);
    this.pen = this.element.getContext("2d");
    this.#visibility.observe(this.element);
    this.#size.observe(place);
    darkScheme.addEventListener("change", this.#recolour);
    this.#frame = requestAnimationFrame((time) => this.#animate(time));
  }

  redraw() {
    this.#drawn_at = performance.now();
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (width === 0 || height === 0) return;
    this.#fit(width, height);
    this.#colours ??= this.#readColours();
    this.pen.clearRect(0, 0, width, height);
    this.pen.font = this.#colours.font;
    this.#draw(this.pen, { width, height }, this.#colours);
    if (this.#drawn_at - this.#described_at < DESCRIPTION_MS) return;
    this.#described_at = this.#drawn_at;
    this.element.setAttribute("aria-label", this.#describe());
  }

  remove() {
    cancelAnimationFrame(this.#frame);
    this.#visibility.disconnect();
    this.#size.disconnect();
    darkScheme.removeEventListener("change", this.#recolour);
    this.element.remove();
  }

  #animate(time) {
    this.#frame = requestAnimationFrame((next) => this.#animate(next));
    const pause = reducedMotion.matches ? REDUCED_MOTION_FRAME_MS : FRAME_MS;
    if (this.#visible && time - this.#drawn_at > pause) this.redraw();
  }

  /** Gives the canvas as many pixels as the screen has in its place. */
  #fit(width, height) {
    const density = devicePixelRatio || 1;
    const [columns, rows] = [Math.round(width * density), Math.round(height * density)];
    if (this.element.width !== columns || this.element.height !== rows) {
      this.element.width = columns;
      this.element.height = rows;
    }
    this.pen.setTransform(density, 0, 0, density, 0, 0);
  }

  #readColours() {
    const style = getComputedStyle(this.#place);
    const of = (property) => style.getPropertyValue(property).trim() || style.color;
    const size = Math.max(11, Number.parseFloat(style.fontSize) * this.#fontScale);
    return {
      of,
      rule: of("--rule"),
      ink: of("--ink"),
      muted: of("--muted"),
      paper: of("--paper"),
      shade: of("--shade"),
      focus: of("--focus"),
      font: `${size}px ${style.fontFamily}`,
    };
  }
}
