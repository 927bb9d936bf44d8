// A running line chart: time goes from right to left, now is at the right edge.
//
// Drawn on a canvas by hand: a lane has a handful of points a second, and a page that is there to be read
// should not bring a chart library of a megabyte. Colours come from the stylesheet.

import { briefly, common, duration, fill } from "./words.js";

const MARGIN = { top: 14, right: 8, bottom: 20 };
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * Puts a chart into `place`.
 *
 * @param {HTMLElement} place an empty element; its size, by the stylesheet, is the size of the chart
 * @param {object} options
 * @param {{key: string, name: string, color: string, dash?: number[], dots?: boolean, line?: boolean}[]}
 *   options.series `color` is a CSS custom property such as `--sse`; series are told apart by `dash` too.
 *   A line is for what was sampled and has a value in between as well. What happened one by one, such as
 *   the delays of messages, has dots and no line: there is nothing on the way from one to the next
 * @param {string} options.label what the chart shows, for those who do not see it
 * @param {number | (() => number)} [options.span] ms from the left edge to now; 60,000 unless given
 * @param {number | (() => number)} [options.maximum] upper end of the scale; without it, the highest value
 * @param {(value: number) => string} [options.format] a value with its unit; a duration unless given
 * @param {(value: number) => string} [options.tick] the same for the scale, where it is written differently
 * @param {() => number} [options.now] the right edge, as performance.now() unless given
 * @returns {{add(key: string, at: number, value: number | null, how?: {hollow: boolean}): void,
 *   shade(from: number, to?: number): object, highest(): number,
 *   values(key: string): {at: number, value: number}[], redraw(): void, remove(): void}}
 */
export function chart(place, options) {
  const span = () => resolve(options.span) ?? 60_000;
  const now = options.now ?? (() => performance.now());
  const format = options.format ?? duration;
  const tick = options.tick ?? options.format ?? briefly;
  const series = new Map(options.series.map((one) => [one.key, { line: true, ...one, points: [] }]));
  const shades = [];

  const canvas = document.createElement("canvas");
  canvas.className = "chart";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", options.label);
  place.append(canvas);
  const pen = canvas.getContext("2d");

  let colors;
  let described = -Infinity;
  let visible = true;
  let frame;
  let drawn = -Infinity;

  const visibility = new IntersectionObserver(([entry]) => (visible = entry.isIntersecting));
  visibility.observe(canvas);
  const size = new ResizeObserver(redraw);
  size.observe(place);
  const recolor = () => {
    colors = undefined;
    redraw();
  };
  dark.addEventListener("change", recolor);

  function loop(time) {
    frame = requestAnimationFrame(loop);
    // Who asked for less motion gets a picture a second; nobody needs more than 20.
    if (visible && time - drawn > (still.matches ? 1000 : 48)) redraw();
  }
  frame = requestAnimationFrame(loop);

  function forget() {
    // A little more than is shown, so that the line goes on to the left edge.
    const oldest = now() - span() * 1.2;
    for (const { points } of series.values()) {
      let gone = 0;
      while (gone + 1 < points.length && points[gone + 1].at < oldest) gone += 1;
      if (gone > 0) points.splice(0, gone);
    }
    while (shades.length > 0 && shades[0].to < oldest) shades.shift();
  }

  function shown(points) {
    const from = now() - span();
    return points.filter(({ at, value }) => at >= from && value !== null);
  }

  function highest() {
    let found = 0;
    for (const { points } of series.values()) {
      for (const { value, hollow } of shown(points)) if (!hollow) found = Math.max(found, value);
    }
    return found;
  }

  function redraw() {
    drawn = performance.now();
    forget();
    const { clientWidth: width, clientHeight: height } = place;
    if (width === 0 || height === 0) return;
    const density = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    colors ??= readColors();

    const { step, top: most } = scale(resolve(options.maximum) ?? highest());
    pen.font = colors.font;
    const ticks = Array.from({ length: Math.round(most / step) + 1 }, (_, line) => line * step);
    const left = Math.max(...ticks.map((value) => pen.measureText(tick(value)).width)) + 8;
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const end = now();
    const x = (at) => right - ((end - at) / span()) * (right - left);
    const y = (value) => bottom - (value / most) * (bottom - MARGIN.top);

    pen.fillStyle = colors.shade;
    for (const { from, to } of shades) {
      const start = Math.max(left, x(from));
      const stop = Math.min(right, x(to ?? end));
      if (stop > start) pen.fillRect(start, MARGIN.top, stop - start, bottom - MARGIN.top);
    }

    pen.lineWidth = 1;
    pen.strokeStyle = colors.rule;
    pen.fillStyle = colors.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const room = (bottom - MARGIN.top) / (most / step);
    for (const value of ticks) {
      pen.beginPath();
      pen.moveTo(left, Math.round(y(value)) + 0.5);
      pen.lineTo(right, Math.round(y(value)) + 0.5);
      pen.stroke();
      if (room > 16 || value === 0 || value === ticks.at(-1)) pen.fillText(tick(value), left - 6, y(value));
    }
    pen.textBaseline = "top";
    // The outermost labels stand beside their tick and not below it, which takes half a label more.
    const label = (pen.measureText(`−${briefly(span())}`).width + 6) * 1.5;
    const fits = (ms) => (ms / span()) * (right - left) >= label;
    const apart = [10_000, 15_000, 20_000, 30_000].find(fits) ?? span();
    for (let ago = 0; ago < span() * 1.001; ago += apart) {
      pen.textAlign = ago === 0 ? "right" : ago > span() * 0.97 ? "left" : "center";
      pen.fillText(ago === 0 ? common.now : `−${briefly(ago)}`, x(end - ago), bottom + 5);
    }

    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left + MARGIN.right, bottom + 4);
    pen.clip();
    for (const one of series.values()) drawSeries(one, x, y, most);
    pen.restore();
    describe();
  }

  function drawSeries({ color, dash, dots, line, points }, x, y, most) {
    pen.strokeStyle = pen.fillStyle = colors.of(color);
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    const height = (value) => y(Math.min(value, most * 1.04));
    if (line) {
      pen.setLineDash(dash ?? []);
      pen.beginPath();
      let before = null;
      for (const { at, value } of points) {
        if (value !== null) {
          // Above the scale there is nothing to draw a line along.
          if (before === null || (before > most && value > most)) pen.moveTo(x(at), height(value));
          else pen.lineTo(x(at), height(value));
        }
        before = value;
      }
      pen.stroke();
      pen.setLineDash([]);
    }
    if (dots) {
      for (const { at, value, hollow } of points) {
        if (value === null) continue;
        pen.beginPath();
        // What is above the scale is not left out: a mark in the upper margin says so.
        if (value > most * 1.001) {
          pen.moveTo(x(at) - 4, MARGIN.top - 3);
          pen.lineTo(x(at) + 4, MARGIN.top - 3);
          pen.lineTo(x(at), MARGIN.top - 11);
          pen.closePath();
        } else {
          pen.arc(x(at), y(value), hollow ? 2.75 : 2.25, 0, 2 * Math.PI);
        }
        if (hollow) {
          pen.fillStyle = colors.paper;
          pen.fill();
          pen.stroke();
          pen.fillStyle = pen.strokeStyle;
        } else {
          pen.fill();
        }
      }
    }
  }

  /** What the chart shows, in words; every five seconds, since nobody can listen faster. */
  function describe() {
    if (performance.now() - described < 5000) return;
    described = performance.now();
    const sentences = [options.label];
    for (const { name, points } of series.values()) {
      const values = shown(points).map(({ value }) => value);
      if (values.length === 0) continue;
      sentences.push(
        fill(common.chart.summary, {
          name,
          now: format(values.at(-1)),
          mean: format(values.reduce((sum, value) => sum + value, 0) / values.length),
          highest: format(Math.max(...values)),
          span: briefly(span()),
        }),
      );
    }
    if (sentences.length === 1) sentences.push(common.chart.none);
    canvas.setAttribute("aria-label", sentences.join(" "));
  }

  function readColors() {
    const style = getComputedStyle(place);
    const of = (name) => style.getPropertyValue(name).trim() || style.color;
    return {
      of,
      rule: of("--rule"),
      muted: of("--muted"),
      paper: of("--paper"),
      shade: of("--shade"),
      font: `${Math.max(11, parseFloat(style.fontSize) * 0.75)}px ${style.fontFamily}`,
    };
  }

  return {
    /** A point; `null` as the value interrupts the line. A hollow one does not stretch the scale. */
    add(key, at, value, { hollow = false } = {}) {
      series.get(key).points.push({ at, value, hollow });
    },
    /** Shades a time in which nothing could arrive; set `to` on what it returns when it is over. */
    shade(from, to) {
      const shade = { from, to };
      shades.push(shade);
      return shade;
    },
    highest,
    /** What is shown of a series. */
    values: (key) => shown(series.get(key).points),
    redraw,
    remove() {
      cancelAnimationFrame(frame);
      visibility.disconnect();
      size.disconnect();
      dark.removeEventListener("change", recolor);
      canvas.remove();
    },
  };
}

/** The end of a scale that holds `highest`, and its step: 1, 2 or 5 of a power of ten. */
export function scale(highest) {
  const wanted = (highest > 0 ? highest : 1) / 4;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted * 0.999) * power;
  return { step, top: Math.max(step, Math.ceil((highest / step) * 0.999) * step) };
}

const resolve = (value) => (typeof value === "function" ? value() : value);
