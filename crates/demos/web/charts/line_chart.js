// A running chart of values over time.
//
// It is drawn on a canvas without a library: a lane has a few points per second, and a page that
// teaches should not load a megabyte of chart library.

import { duration, fill, shortDuration } from "../format.js";
import { common } from "../page_data.js";
import { mean } from "../statistics.js";
import { AnimatedCanvas } from "./canvas.js";
import { drawSeries } from "./series.js";
import { timeScale, timeTicks } from "./time_axis.js";

const MARGIN = { top: 14, right: 8, bottom: 20 };
const TIME_STEPS_MS = [10_000, 15_000, 20_000, 30_000];

const resolve = (option) => (typeof option === "function" ? option() : option);

export class LineChart {
  #options;
  #series;
  #shades = [];
  #canvas;

  /**
   * Puts a chart into `place`.
   *
   * @param {HTMLElement} place an empty element; the stylesheet gives it its size
   * @param {object} options
   * @param {{key: string, name: string, color: string, dash?: number[], dots?: boolean, line?:
   *   boolean}[]} options.series `color` is a CSS property such as `--lane`. A line is for what was
   *   sampled, and has a value between the samples as well. Single events, such as the delays of
   *   messages, have dots and no line: there is nothing between one and the next
   * @param {string} options.label what the chart shows, for screen readers
   * @param {number} options.span the time from the left edge to now, in ms
   * @param {number | (() => number)} [options.maximum] the end of the scale, by default the highest
   *   value
   * @param {(value: number) => string} [options.format] a value with its unit, by default a
   *   duration
   * @param {(value: number) => string} [options.tick] a value of the scale, by default as `format`
   * @param {(highest: number) => number} [options.unit] the unit of the scale, whose values are
   *   round multiples of it; by default 1
   * @param {() => number} [options.now] the time at the right edge, by default performance.now()
   */
  constructor(place, options) {
    this.#options = {
      now: () => performance.now(),
      unit: () => 1,
      format: duration,
      tick: options.format ?? shortDuration,
      ...options,
    };
    const series = options.series.map((one) => [one.key, { line: true, ...one, points: [] }]);
    this.#series = new Map(series);
    this.#canvas = new AnimatedCanvas(place, {
      draw: (pen, size, colours) => this.#draw(pen, size, colours),
      describe: () => this.#describe(),
    });
  }

  /** Adds a point. `null` interrupts a line. A hollow point does not stretch the scale. */
  add(key, at, value, { hollow = false } = {}) {
    this.#series.get(key).points.push({ at, value, hollow });
  }

  /** Shades a time. Set `to` of the returned object when that time is over. */
  shade(from) {
    const shade = { from, to: undefined };
    this.#shades.push(shade);
    return shade;
  }

  /** Returns the highest value that is shown. Hollow points do not count. */
  highest() {
    const all = [...this.#series.values()].flatMap(({ points }) => this.#shown(points));
    return Math.max(0, ...all.filter(({ hollow }) => !hollow).map(({ value }) => value));
  }

  /** Returns the values of a series that are shown. */
  values(key) {
    return this.#shown(this.#series.get(key).points).map(({ value }) => value);
  }

  redraw() {
    this.#canvas.redraw();
  }

  remove() {
    this.#canvas.remove();
  }

  #shown(points) {
    const from = this.#options.now() - this.#options.span;
    return points.filter(({ at, value }) => at >= from && value !== null);
  }

  /** Drops old points. A few more than are shown remain, so that a line reaches the left edge. */
  #dropOld(end) {
    const oldest = end - this.#options.span * 1.2;
    for (const { points } of this.#series.values()) {
      const kept = points.findIndex(
        (_, at) => at + 1 >= points.length || points[at + 1].at >= oldest,
      );
      if (kept > 0) points.splice(0, kept);
    }
    while (this.#shades[0]?.to < oldest) this.#shades.shift();
  }

  #draw(pen, { width, height }, colours) {
    const { span, maximum, tick, unit, now } = this.#options;
    const end = now();
    this.#dropOld(end);
    const { step, top } = valueScale(resolve(maximum) ?? this.highest(), unit);
    const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, line) => line * step);
    const left = Math.max(...ticks.map((value) => pen.measureText(tick(value)).width)) + 8;
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const x = timeScale({ end, span, left, right });
    const y = (value) => bottom - (value / top) * (bottom - MARGIN.top);
    const area = { left, right, top: MARGIN.top, bottom, end, most: top, x, y };

    this.#drawShades(pen, area, colours);
    this.#drawGrid(pen, area, ticks, colours);
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left + MARGIN.right, bottom + 4);
    pen.clip();
    for (const one of this.#series.values()) drawSeries(pen, one, area, colours);
    pen.restore();
  }

  #drawShades(pen, { left, right, top, bottom, end, x }, colours) {
    pen.fillStyle = colours.shade;
    for (const { from, to } of this.#shades) {
      const start = Math.max(left, x(from));
      const stop = Math.min(right, x(to ?? end));
      if (stop > start) pen.fillRect(start, top, stop - start, bottom - top);
    }
  }

  #drawGrid(pen, { left, right, top, bottom, end, x, y }, ticks, colours) {
    const { span, tick } = this.#options;
    pen.lineWidth = 1;
    pen.strokeStyle = colours.rule;
    pen.fillStyle = colours.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const room = (bottom - top) / (ticks.length - 1);
    for (const value of ticks) {
      const height = Math.round(y(value)) + 0.5;
      pen.beginPath();
      pen.moveTo(left, height);
      pen.lineTo(right, height);
      pen.stroke();
      const labelled = room > 16 || value === 0 || value === ticks.at(-1);
      if (labelled) pen.fillText(tick(value), left - 6, y(value));
    }
    pen.textBaseline = "top";
    for (const { ago, text, align } of timeTicks(pen, { span, left, right }, TIME_STEPS_MS)) {
      pen.textAlign = align;
      pen.fillText(text, x(end - ago), bottom + 5);
    }
  }

  #describe() {
    const { label, format, span } = this.#options;
    const sentences = [label];
    for (const { key, name } of this.#series.values()) {
      const values = this.values(key);
      if (values.length === 0) continue;
      const summary = {
        name,
        now: format(values.at(-1)),
        mean: format(mean(values)),
        highest: format(Math.max(...values)),
        span: shortDuration(span),
      };
      sentences.push(fill(common.chart.summary, summary));
    }
    if (sentences.length === 1) sentences.push(common.chart.none);
    return sentences.join(" ");
  }
}

/**
 * Returns the end of a scale that includes `highest`, and its step: 1, 2 or 5 times a power of ten,
 * in the unit of that value.
 */
function valueScale(highest, unit) {
  const one = unit(highest);
  const wanted = (highest > 0 ? highest : one) / one / 4;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= wanted * 0.999);
  const step = factor * power * one;
  return { step, top: Math.max(step, Math.ceil((highest / step) * 0.999) * step) };
}
