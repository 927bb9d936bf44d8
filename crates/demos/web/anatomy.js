// A unit of the wire, taken apart for reading: its lines, the bits of a frame's header, its bytes.

import { payloadOf, textOf } from "./bytes.js";
import { bytes as inBytes, count, fill, words } from "./words.js";

/** The whole reading of a unit. */
export function anatomy(unit) {
  const found = document.createDocumentFragment();
  if (unit.frame) found.append(title(words.anatomy.frame), frameHeader(unit));
  found.append(title(words.anatomy.lines), lines(unit));
  found.append(title(words.anatomy.bytes), legend(), bytes(unit));
  return found;
}

function title(text) {
  return make("h3", {}, text);
}

function make(name, { className, ...attributes } = {}, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Something that scrolls, by keyboard too. */
function region(name, className, label, ...children) {
  return make(name, { className, tabindex: "0", role: "region", "aria-label": label }, ...children);
}

// ---- Its lines

function lines(unit) {
  const body = make("tbody");
  for (const row of unit.rows) body.append(lineRow(unit, row));
  const head = make("tr", {}, ...words.anatomy.columns.map((name) => make("th", { scope: "col" }, name)));
  const table = make("table", { className: "anatomy" }, make("thead", {}, head), body);
  return region("div", "scroll", words.anatomy.lines, table);
}

function lineRow(unit, row) {
  const known = row.kind === "header" ? words.header[row.name.toLowerCase()] : words.row[row.kind];
  const said = row.same ? words.row.header_same : (known ?? "");
  const values = { n: row.to - row.from, size: unit.size, hex: unit.size?.toString(16) };
  const text = make("td", { className: "anatomy-text" }, ...lineText(unit, row));
  const note = make("td", { className: "note" }, fill(said, values));
  const size = make("td", { className: "number" }, count(row.to - row.from));
  return make("tr", { className: row.same ? "same" : "", "data-row": row.kind }, text, note, size);
}

function lineText(unit, row) {
  if (row.kind === "frame_header") return [hex(unit.bytes.subarray(row.from, row.to))];
  if (row.kind === "frame_payload") return payloadText(unit);
  if (row.kind === "unknown") {
    return visible(textOf(unit, { from: row.from, to: Math.min(row.to, row.from + 200) }));
  }
  const text = textOf(unit, row);
  if (row.kind === "header") {
    const colon = text.indexOf(":");
    return [make("b", {}, text.slice(0, colon)), ...visible(text.slice(colon))];
  }
  if (row.segments.length > 1) {
    return row.segments.map((segment) =>
      make("span", { className: segment.category }, ...visible(textOf(unit, segment))),
    );
  }
  return visible(text);
}

function payloadText(unit) {
  const payload = payloadOf(unit);
  const decoder = new TextDecoder();
  if (unit.frame.opcode === 8 && payload.length >= 2) {
    // A Close frame begins with a number (RFC 6455, section 7.4).
    return [`${payload[0] * 256 + payload[1]} ${decoder.decode(payload.subarray(2))}`];
  }
  return visible(`${decoder.decode(payload)}${unit.holes.length > 0 ? "…" : ""}`);
}

/** Line ends are bytes too: what ends a head and an event would otherwise not be seen at all. */
function visible(text) {
  return text.split(/([\r\n]+)/).map((piece, at) => {
    const ends = piece.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
    return at % 2 === 1 ? make("span", { className: "line-end" }, ends) : piece;
  });
}

// ---- The header of a frame, bit by bit

function frameHeader({ frame, bytes: all, header }) {
  const bits = (from, length) =>
    Array.from({ length }, (_, at) => (all[(from + at) >> 3] >> (7 - ((from + at) & 7))) & 1).join("");
  const name = words.opcode[frame.name] ?? "?";
  const rows = [
    ["FIN", bits(0, 1), words.frame.fin[frame.fin]],
    ["RSV1–3", bits(1, 3), words.frame.rsv],
    ["opcode", bits(4, 4), fill(words.frame.opcode, { value: frame.opcode, name })],
    ["MASK", bits(8, 1), words.frame.mask[frame.mask]],
    ["length", bits(9, 7), lengthMeaning(frame)],
  ];
  if (frame.extended > 0) {
    const length = count(frame.length);
    const value = fill(words.frame.extended, { bytes: frame.extended, length });
    rows.push(["extended length", grouped(bits(16, frame.extended * 8)), value]);
  }
  if (frame.key) {
    const value = fill(words.frame.key, { key: hex(frame.key) });
    rows.push(["masking key", grouped(bits((header - 4) * 8, 32)), value]);
  }
  const body = make("tbody");
  for (const [name, value, meaning] of rows) {
    body.append(
      make(
        "tr",
        { "data-field": name },
        make("th", { scope: "row" }, make("code", {}, name)),
        make("td", {}, make("code", { className: "bits" }, value)),
        make("td", {}, meaning),
      ),
    );
  }
  const head = make("tr", {}, ...words.frame.columns.map((name) => make("th", { scope: "col" }, name)));
  const table = make("table", { className: "frame-header" }, make("thead", {}, head), body);
  return region("div", "scroll", words.anatomy.frame, table);
}

function lengthMeaning({ short, extended }) {
  if (extended === 0) return fill(words.frame.length, { length: short });
  return fill(words.frame.length_extended, { short, bytes: extended });
}

const grouped = (bits) => bits.match(/.{1,8}/g).join(" ");

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

// ---- Its bytes

function legend() {
  const entries = ["head", "framing", "message"].map((category) =>
    make("span", { className: category }, words.category[category]),
  );
  return make("p", { className: "legend note" }, ...entries.flatMap((entry) => [entry, " "]));
}

/** Offsets, bytes and characters, as hex editors show them. */
function bytes(unit) {
  const pre = region("pre", "hex", words.anatomy.bytes);
  const width = matchMedia("(max-width: 40rem)").matches ? 8 : 16;
  const hole = unit.holes[0];
  const known = hole ? hole.from : unit.length;
  for (let from = 0; from < known; from += width) {
    const to = Math.min(from + width, known);
    pre.append(`${from.toString(16).padStart(4, "0")}  `);
    run(unit, from, to, pre, (byte) => `${byte.toString(16).padStart(2, "0")} `);
    pre.append("   ".repeat(width - (to - from)), " ");
    run(unit, from, to, pre, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·"));
    pre.append("\n");
  }
  if (hole) pre.append(fill(words.anatomy.hole, { size: inBytes(unit.length - known) }));
  return pre;
}

function run(unit, from, to, pre, write) {
  for (const { category, from: begin, to: end } of unit.rows.flatMap(({ segments }) => segments)) {
    const first = Math.max(from, begin);
    const last = Math.min(to, end);
    if (first >= last) continue;
    const text = Array.from(unit.bytes.subarray(first, last), write).join("");
    pre.append(make("span", { className: category }, text));
  }
}
