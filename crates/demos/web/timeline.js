// The timeline of the wire: a row for each lane, what the browser says above its line, what the server
// says below, each as high as it has bytes.

import { briefly, bytes as inBytes, common } from "./words.js";

const GUTTER = 8;
const AXIS = 20;
/** Above the rows: what is above a line and what below, where no mark is covered by it. */
const HEAD = 22;
/** Marks that are kept: more would not be told apart. */
const KEPT = 1500;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * Puts a timeline into `place`.
 *
 * @param {HTMLElement} place its width is that of the timeline; its height follows from the rows
 * @param {object} options
 * @param {() => {name: string, title: string, color: string}[]} options.rows the lanes to show
 * @param {() => number} options.span ms from the left edge to now
 * @param {() => number} options.now the right edge, as performance.now()
 * @param {() => string} options.label what it shows, in words
 * @param {{up: string, down: string, highest: (size: string) => string}} options.words what is above and
 *   below a line, and how much the highest bar is
 * @param {(mark: object) => void} options.on called with the mark that was clicked
 */
export function timeline(place, { rows, span, now, label, words, on }) {
  const canvas = document.createElement("canvas");
  canvas.className = "chart";
  canvas.setAttribute("role", "img");
  place.append(canvas);
  const pen = canvas.getContext("2d");
  let marks = [];
  let waits = [];
  let selected;
  let colors;
  let drawn = -Infinity;
  let described = -Infinity;
  // Where each mark was drawn last, for the pointer.
  let places = [];

  dark.addEventListener("change", () => ((colors = undefined), redraw()));
  new ResizeObserver(redraw).observe(place);
  requestAnimationFrame(function loop(time) {
    requestAnimationFrame(loop);
    if (time - drawn > (still.matches ? 1000 : 48)) redraw();
  });

  canvas.addEventListener("click", (event) => {
    const found = near(event);
    if (found) on(found);
  });
  canvas.addEventListener("pointermove", (event) => {
    canvas.style.cursor = near(event) ? "pointer" : "";
  });

  function near({ offsetX, offsetY }) {
    const distance = ({ x, top, bottom }) =>
      offsetY >= top - 6 && offsetY <= bottom + 6 ? Math.abs(offsetX - x) : Infinity;
    let best;
    for (const one of places) if (distance(one) <= 8 && (!best || distance(one) < distance(best))) best = one;
    return best?.mark;
  }

  function redraw() {
    drawn = performance.now();
    const lanes = rows();
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
    pen.font = colors.font;

    const end = now();
    const start = end - span();
    const oldest = performance.now() - 75_000;
    marks = marks.filter(({ at }) => at > oldest);
    waits = waits.filter(({ to }) => to === undefined || to > oldest);
    places = [];

    const left = GUTTER;
    const right = width - GUTTER;
    const x = (at) => right - ((end - at) / span()) * (right - left);
    // The outermost labels stand beside their tick and not below it, which takes half a label more.
    const widest = (pen.measureText(`−${briefly(span())}`).width + 6) * 1.5;
    const fits = (ms) => (ms / span()) * (right - left) >= widest;
    const step = [1000, 2000, 5000, 10_000, 20_000].find(fits) ?? 30_000;
    pen.textBaseline = "top";
    for (let ago = 0; ago <= span() * 1.001; ago += step) {
      const place = Math.round(x(end - ago)) + 0.5;
      line(place, HEAD, place, height - AXIS, colors.rule);
      pen.fillStyle = colors.muted;
      pen.textAlign = ago === 0 ? "right" : ago > span() * 0.97 ? "left" : "center";
      pen.fillText(ago === 0 ? common.now : `−${briefly(ago)}`, place, height - AXIS + 5);
    }

    const within = ({ at }) => at >= start && at <= end;
    const shown = marks.filter((mark) => within(mark) && lanes.some(({ name }) => name === mark.lane));
    const largest = Math.max(100, ...shown.map(({ length }) => length));
    const room = (height - AXIS - HEAD) / Math.max(1, lanes.length);
    lanes.forEach((lane, row) => {
      const top = HEAD + row * room;
      const middle = Math.round(top + room * 0.55);
      const reach = room * 0.38 - 6;
      if (row > 0) line(0, Math.round(top) + 0.5, width, Math.round(top) + 0.5, colors.rule);
      drawWaits(lane, middle, x, left, right, end);
      line(left, middle + 0.5, right, middle + 0.5, colors.muted);
      for (const mark of shown) {
        if (mark.lane === lane.name) drawMark(mark, lane, middle, reach, largest, x(mark.at));
      }
      pen.textAlign = "left";
      pen.textBaseline = "top";
      pen.fillStyle = colors.paper;
      pen.fillRect(left - 2, top + 3, pen.measureText(lane.title).width + 8, parseFloat(pen.font) + 6);
      pen.fillStyle = colors.ink;
      pen.fillText(lane.title, left + 2, top + 6);
    });
    if (lanes.length > 0) drawLegend(largest, left, right);
    if (drawn - described > 5000) {
      described = drawn;
      canvas.setAttribute("aria-label", label());
    }
  }

  // A request that waits for its answer, a stream or a socket that is open: a band along the line.
  function drawWaits(lane, middle, x, left, right, end) {
    pen.fillStyle = colors.of(lane.color);
    pen.globalAlpha = 0.28;
    for (const { lane: name, from, to } of waits) {
      if (name !== lane.name || from > end) continue;
      const begin = Math.max(left, x(from));
      const stop = Math.min(right, x(Math.min(to ?? end, end)));
      if (stop > begin) pen.fillRect(begin, middle - 3, stop - begin, 7);
    }
    pen.globalAlpha = 1;
  }

  function drawMark(mark, lane, middle, reach, largest, x) {
    const up = mark.direction === "in";
    const height = Math.max(4, (mark.length / largest) * reach);
    const sign = up ? -1 : 1;
    const color = colors.of(lane.color);
    const far = middle + sign * height;
    // Full for the messages, open for all that goes with them.
    const share = mark.length > 0 ? mark.sizes.message / mark.length : 0;
    pen.fillStyle = pen.strokeStyle = color;
    pen.lineWidth = 1;
    pen.fillRect(x - 2, Math.min(middle, middle + sign * height * share), 4, height * share);
    pen.fillStyle = colors.paper;
    const open = height * (1 - share);
    pen.fillRect(x - 2, Math.min(far, far - sign * open), 4, open);
    pen.strokeRect(x - 2, Math.min(middle, far), 4, height);
    shape(mark.kind, x, far + sign * 3, sign, color);
    if (mark === selected) {
      pen.lineWidth = 2;
      pen.strokeStyle = colors.focus;
      pen.strokeRect(x - 6, Math.min(middle, far) - 9, 12, height + 18);
      pen.lineWidth = 1;
    }
    places.push({ mark, x, top: Math.min(middle, far) - 6, bottom: Math.max(middle, far) + 6 });
  }

  /** At the end of a bar, what it is: requests and answers point, chunks are square, frames are round. */
  function shape(kind, x, y, sign, color) {
    pen.fillStyle = color;
    pen.beginPath();
    if (kind === "request" || kind === "response") {
      pen.moveTo(x - 4, y - sign * 3);
      pen.lineTo(x + 4, y - sign * 3);
      pen.lineTo(x, y + sign * 4);
    } else if (kind === "chunk") {
      pen.rect(x - 3, y - 3, 6, 6);
    } else {
      pen.arc(x, y, 3.25, 0, 2 * Math.PI);
    }
    pen.fill();
  }

  function drawLegend(largest, left, right) {
    const directions = `↑ ${words.up}   ↓ ${words.down}`;
    const highest = words.highest(inBytes(largest));
    pen.textBaseline = "top";
    pen.fillStyle = colors.muted;
    pen.textAlign = "left";
    pen.fillText(directions, left + 2, 2);
    const fits = pen.measureText(directions).width + pen.measureText(highest).width < right - left - 24;
    pen.textAlign = "right";
    if (fits) pen.fillText(highest, right, 2);
  }

  function line(x1, y1, x2, y2, color) {
    pen.strokeStyle = color;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }

  function readColors() {
    const style = getComputedStyle(place);
    const of = (name) => style.getPropertyValue(name).trim();
    const size = Math.max(11, parseFloat(style.fontSize) * 0.8);
    return {
      of,
      rule: of("--rule"),
      ink: of("--ink"),
      muted: of("--muted"),
      paper: of("--paper"),
      focus: of("--focus"),
      font: `${size}px ${style.fontFamily}`,
    };
  }

  return {
    /** A mark: { lane, direction, kind, at, length, sizes }. */
    add(mark) {
      marks.push(mark);
      if (marks.length > 2 * KEPT) marks = marks.slice(-KEPT);
    },
    /** A time in which the lane was open; set `to` on what it returns when it is over. */
    wait(lane, from) {
      const wait = { lane, from, to: undefined };
      waits.push(wait);
      return wait;
    },
    select(mark) {
      selected = mark;
      redraw();
    },
    clear() {
      marks = [];
      waits = [];
    },
    redraw,
  };
}
