// The time axis of the charts: time goes from left to right, and now is at the right edge.

import { shortDuration } from "../format.js";
import { common } from "../page_data.js";

/**
 * Returns the function that places a time between `left` and `right`.
 *
 * @param {{end: number, span: number, left: number, right: number}} axis `end` is the time at the
 *   right edge, `span` the time from edge to edge in ms
 */
export function timeScale({ end, span, left, right }) {
  return (at) => right - ((end - at) / span) * (right - left);
}

/**
 * Returns the ticks of an axis, each as far apart as its labels need.
 *
 * @param {CanvasRenderingContext2D} pen measures the labels
 * @param {{span: number, left: number, right: number}} axis
 * @param {number[]} steps the distances between ticks to choose from, in ms
 * @returns {{ago: number, text: string, align: CanvasTextAlign}[]}
 */
export function timeTicks(pen, { span, left, right }, steps) {
  // The outermost labels are beside their tick and not below it, which takes half a label more.
  const label = (pen.measureText(`−${shortDuration(span)}`).width + 6) * 1.5;
  const step = steps.find((ms) => (ms / span) * (right - left) >= label) ?? span;
  const ticks = [];
  for (let ago = 0; ago <= span * 1.001; ago += step) {
    const align = ago === 0 ? "right" : ago > span * 0.97 ? "left" : "center";
    ticks.push({ ago, text: ago === 0 ? common.now : `−${shortDuration(ago)}`, align });
  }
  return ticks;
}
