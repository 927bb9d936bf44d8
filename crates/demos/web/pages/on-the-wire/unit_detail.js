// The panel that shows one unit: what it is, its lines, the bits of a frame's header, and its
// bytes.

import { byId, make } from "../../elements.js";
import { bytes, count, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { plainBytes, textOf } from "../../wire/unit.js";
import { frameHeader } from "./frame_header.js";
import { hexDump, hexText } from "./hex_dump.js";
import { kindText, summaryText, timeText } from "./unit_text.js";

/** The bytes that are shown of a unit that was not decoded. */
const UNKNOWN_BYTES = 200;

const CLOSE = 8;

export class UnitDetail {
  #element;

  constructor(element) {
    this.#element = element;
  }

  /** Shows a unit. `lane` is the name of its lane in text. */
  show(unit, lane) {
    this.#element.dataset.transport = unit.lane;
    byId("detail-title").textContent = fill(words.detail_title, {
      kind: kindText(unit),
      summary: summaryText(unit),
    });
    byId("detail-about").textContent = aboutText(unit, lane);
    const heading = (text) => make("h3", {}, text);
    const parts = unit.frame ? [heading(words.anatomy.frame), frameHeader(unit)] : [];
    parts.push(heading(words.anatomy.lines), lineTable(unit));
    parts.push(heading(words.anatomy.bytes), ...hexDump(unit));
    byId("detail-body").replaceChildren(...parts);
  }

  isBelow(other) {
    return this.#element.offsetTop > other.offsetTop + other.offsetHeight;
  }

  focus() {
    this.#element.focus();
  }
}

function aboutText(unit, lane) {
  const about = fill(words.detail_about, {
    lane,
    direction: words.direction[unit.direction],
    connection: unit.connection,
    time: timeText(unit),
    size: bytes(unit.length),
    message: bytes(unit.sizes.message),
  });
  const repeated = unit.rows.filter(({ same }) => same);
  const size = repeated.reduce((sum, { from, to }) => sum + to - from, 0);
  return size > 0 ? `${about} ${fill(words.repeated, { size: bytes(size) })}` : about;
}

// ---- The lines of a unit

function lineTable(unit) {
  const head = words.anatomy.columns.map((name) => make("th", { scope: "col" }, name));
  const table = make(
    "table",
    { className: "anatomy" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...unit.rows.map((row) => lineRow(unit, row))),
  );
  const label = words.anatomy.lines;
  // It scrolls, so the keyboard must reach it.
  const region = { className: "scroll", tabindex: "0", role: "region", "aria-label": label };
  return make("div", region, table);
}

function lineRow(unit, row) {
  const known = row.kind === "header" ? words.header[row.name.toLowerCase()] : words.row[row.kind];
  const meaning = row.same ? words.row.header_same : (known ?? "");
  const size = row.to - row.from;
  const values = { n: size, size: unit.size, hex: unit.size?.toString(16) };
  return make(
    "tr",
    { className: row.same ? "same" : "", "data-row": row.kind },
    make("td", { className: "anatomy-text" }, ...lineText(unit, row)),
    make("td", { className: "note" }, fill(meaning, values)),
    make("td", { className: "number" }, count(size)),
  );
}

function lineText(unit, row) {
  if (row.kind === "frame_header") return [hexText(unit.bytes.subarray(row.from, row.to))];
  if (row.kind === "frame_payload" && unit.frame.opcode === CLOSE) return closeText(unit, row);
  if (row.kind === "unknown") {
    const to = Math.min(row.to, row.from + UNKNOWN_BYTES);
    return withLineEnds(textOf(unit, { from: row.from, to }));
  }
  const text = textOf(unit, row);
  if (row.kind === "header") {
    const colon = text.indexOf(":");
    return [make("b", {}, text.slice(0, colon)), ...withLineEnds(text.slice(colon))];
  }
  if (row.segments.length === 1) return withLineEnds(text);
  return row.segments.map((segment) =>
    make("span", { className: segment.category }, ...withLineEnds(textOf(unit, segment))),
  );
}

/** The payload of a Close frame starts with a number (RFC 6455, section 7.4). */
function closeText(unit, { from, to }) {
  const [high, low] = plainBytes(unit, from, from + 2);
  return [`${high * 256 + low} ${textOf(unit, { from: from + 2, to })}`];
}

/** How the characters are shown that end a head, an event or a packet, and are invisible. */
const ENDS = { "\r": "\\r", "\n": "\\n", "\x1e": "\\x1e" };
const END = new RegExp(`([${Object.keys(ENDS).join("")}]+)`);

function withLineEnds(text) {
  return text.split(END).map((piece, at) => {
    if (at % 2 === 0) return piece;
    const escaped = Array.from(piece, (character) => ENDS[character]).join("");
    return make("span", { className: "line-end" }, escaped);
  });
}
