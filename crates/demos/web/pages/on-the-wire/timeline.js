// The timeline: a row for each lane. Bars above its line are what the browser sends, bars below it
// are what the server sends. A bar is as high as it has bytes.

import { AnimatedCanvas } from "../../charts/canvas.js";
import { timeScale, timeTicks } from "../../charts/time_axis.js";
import { bytes, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { drawUnit } from "./timeline_unit.js";

const MARGIN = 8;
const AXIS_PX = 20;
/** The legend is above the rows, where no bar covers it. */
const LEGEND_PX = 22;

const TIME_STEPS_MS = [1000, 2000, 5000, 10_000, 20_000, 30_000];

/** The number of units that are kept: more could not be told apart. */
const MAX_UNITS = 1500;
/** How long units are kept: longer than the longest span that can be chosen. */
const KEPT_MS = 75_000;

/** The height of a bar without any larger one beside it, in bytes. */
const MIN_HIGHEST_BYTES = 100;

/** How far from a bar a click still selects it, in pixels. */
const REACH_PX = { x: 8, y: 6 };

export class Timeline {
  #options;
  #canvas;
  #units = [];
  /** The times in which something was open: { lane, from, to }. */
  #open = [];
  #selected;
  /** Where each unit was drawn last, for the pointer: { unit, x, top, bottom }. */
  #places = [];

  /**
   * Puts a timeline into `place`, whose size it takes.
   *
   * @param {HTMLElement} place
   * @param {object} options
   * @param {() => {name: string, title: string, color: string}[]} options.lanes the lanes to show
   * @param {() => number} options.span the time from the left edge to the right one, in ms
   * @param {() => number} options.now the time at the right edge, as performance.now()
   * @param {() => string} options.label what the timeline shows, for screen readers
   * @param {(unit: object) => void} options.onSelect called with the unit that was clicked
   */
  constructor(place, options) {
    this.#options = options;
    this.#canvas = new AnimatedCanvas(place, {
      draw: (pen, size, colours) => this.#draw(pen, size, colours),
      describe: options.label,
      fontScale: 0.8,
    });
    const { element } = this.#canvas;
    element.addEventListener("click", (event) => {
      const unit = this.#unitNear(event);
      if (unit) options.onSelect(unit);
    });
    element.addEventListener("pointermove", (event) => {
      element.style.cursor = this.#unitNear(event) ? "pointer" : "";
    });
  }

  add(unit) {
    this.#units.push(unit);
    if (this.#units.length > 2 * MAX_UNITS) this.#units = this.#units.slice(-MAX_UNITS);
  }

  /**
   * Shows from now on that a lane is open. Set `to` of the returned object when it no longer is.
   */
  addOpenTime(lane, from) {
    const open = { lane, from, to: undefined };
    this.#open.push(open);
    return open;
  }

  select(unit) {
    this.#selected = unit;
    this.redraw();
  }

  clear() {
    this.#units = [];
    this.#open = [];
  }

  redraw() {
    this.#canvas.redraw();
  }

  #unitNear({ offsetX, offsetY }) {
    const within = this.#places.filter(
      ({ x, top, bottom }) =>
        Math.abs(offsetX - x) <= REACH_PX.x &&
        offsetY >= top - REACH_PX.y &&
        offsetY <= bottom + REACH_PX.y,
    );
    within.sort((one, other) => Math.abs(offsetX - one.x) - Math.abs(offsetX - other.x));
    return within[0]?.unit;
  }

  #draw(pen, { width, height }, colours) {
    this.#dropOld();
    this.#places = [];
    const { lanes: currentLanes, span: currentSpan, now } = this.#options;
    const [lanes, span, end] = [currentLanes(), currentSpan(), now()];
    const [left, right] = [MARGIN, width - MARGIN];
    const area = { left, right, width, height, span, end };
    area.x = timeScale(area);
    this.#drawTimeAxis(pen, area, colours);

    const isShown = ({ at, lane }) =>
      at >= end - span && at <= end && lanes.some(({ name }) => name === lane);
    const shown = this.#units.filter(isShown);
    area.largest = Math.max(MIN_HIGHEST_BYTES, ...shown.map(({ length }) => length));
    area.room = (height - AXIS_PX - LEGEND_PX) / Math.max(1, lanes.length);
    lanes.forEach((lane, row) => {
      const units = shown.filter((unit) => unit.lane === lane.name);
      this.#drawLane(pen, area, colours, { lane, row, units });
    });
    if (lanes.length > 0) drawLegend(pen, area, colours);
  }

  #dropOld() {
    const oldest = performance.now() - KEPT_MS;
    this.#units = this.#units.filter(({ at }) => at > oldest);
    this.#open = this.#open.filter(({ to }) => to === undefined || to > oldest);
  }

  #drawTimeAxis(pen, area, colours) {
    const { height, end, x } = area;
    pen.textBaseline = "top";
    for (const { ago, text, align } of timeTicks(pen, area, TIME_STEPS_MS)) {
      const place = Math.round(x(end - ago)) + 0.5;
      drawLine(pen, place, LEGEND_PX, place, height - AXIS_PX, colours.rule);
      pen.fillStyle = colours.muted;
      pen.textAlign = align;
      pen.fillText(text, place, height - AXIS_PX + 5);
    }
  }

  #drawLane(pen, area, colours, { lane, row, units }) {
    const { left, right, width, room, largest, x } = area;
    const top = LEGEND_PX + row * room;
    const middle = Math.round(top + room * 0.55);
    const border = Math.round(top) + 0.5;
    if (row > 0) drawLine(pen, 0, border, width, border, colours.rule);
    this.#drawOpenTimes(pen, area, lane, middle, colours);
    drawLine(pen, left, middle + 0.5, right, middle + 0.5, colours.muted);
    for (const unit of units) {
      const height = Math.max(4, (unit.length / largest) * (room * 0.38 - 6));
      const bar = { x: x(unit.at), middle, height, selected: unit === this.#selected };
      const [upper, lower] = drawUnit(pen, unit, bar, { ...colours, lane: colours.of(lane.color) });
      this.#places.push({ unit, x: bar.x, top: upper, bottom: lower });
    }
    drawTitle(pen, lane.title, left, top, colours);
  }

  /** Draws a band along the line: a request waits, or a stream or a socket is open. */
  #drawOpenTimes(pen, { left, right, end, x }, lane, middle, colours) {
    pen.fillStyle = colours.of(lane.color);
    pen.globalAlpha = 0.28;
    for (const { lane: name, from, to } of this.#open) {
      if (name !== lane.name || from > end) continue;
      const start = Math.max(left, x(from));
      const stop = Math.min(right, x(Math.min(to ?? end, end)));
      if (stop > start) pen.fillRect(start, middle - 3, stop - start, 7);
    }
    pen.globalAlpha = 1;
  }
}

function drawTitle(pen, title, left, top, colours) {
  pen.textAlign = "left";
  pen.textBaseline = "top";
  pen.fillStyle = colours.paper;
  const width = pen.measureText(title).width + 8;
  pen.fillRect(left - 2, top + 3, width, Number.parseFloat(pen.font) + 6);
  pen.fillStyle = colours.ink;
  pen.fillText(title, left + 2, top + 6);
}

function drawLegend(pen, { largest, left, right }, colours) {
  const directions = `↑ ${words.timeline_up}   ↓ ${words.timeline_down}`;
  const highest = fill(words.timeline_highest, { size: bytes(largest) });
  pen.textBaseline = "top";
  pen.fillStyle = colours.muted;
  pen.textAlign = "left";
  pen.fillText(directions, left + 2, 2);
  const wanted = pen.measureText(directions).width + pen.measureText(highest).width;
  pen.textAlign = "right";
  if (wanted < right - left - 24) pen.fillText(highest, right, 2);
}

function drawLine(pen, x1, y1, x2, y2, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}
