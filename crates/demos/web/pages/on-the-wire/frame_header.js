// The header of a WebSocket frame, bit by bit (RFC 6455, section 5.2).

import { make } from "../../elements.js";
import { count, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { hexText } from "./hex_dump.js";

export function frameHeader(unit) {
  const head = words.frame.columns.map((name) => make("th", { scope: "col" }, name));
  const table = make(
    "table",
    { className: "frame-header" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...fieldsOf(unit).map(fieldRow)),
  );
  const label = words.anatomy.frame;
  // It scrolls, so the keyboard must reach it.
  const region = { className: "scroll", tabindex: "0", role: "region", "aria-label": label };
  return make("div", region, table);
}

function fieldRow([name, bits, meaning]) {
  return make(
    "tr",
    { "data-field": name },
    make("th", { scope: "row" }, make("code", {}, name)),
    make("td", {}, make("code", { className: "bits" }, bits)),
    make("td", {}, meaning),
  );
}

/** Returns the name, the bits and the meaning of each field. */
function fieldsOf({ frame, bytes, header }) {
  const bits = (from, length) => bitsOf(bytes, from, length);
  const opcode = { value: frame.opcode, name: words.opcode[frame.name] ?? "?" };
  const fields = [
    ["FIN", bits(0, 1), words.frame.fin[frame.fin]],
    ["RSV1–3", bits(1, 3), words.frame.rsv],
    ["opcode", bits(4, 4), fill(words.frame.opcode, opcode)],
    ["MASK", bits(8, 1), words.frame.mask[frame.mask]],
    ["length", bits(9, 7), lengthText(frame)],
  ];
  if (frame.extended > 0) {
    const values = { bytes: frame.extended, length: count(frame.length) };
    const length = inOctets(bits(16, frame.extended * 8));
    fields.push(["extended length", length, fill(words.frame.extended, values)]);
  }
  if (frame.key) {
    const key = inOctets(bits((header - 4) * 8, 32));
    fields.push(["masking key", key, fill(words.frame.key, { key: hexText(frame.key) })]);
  }
  return fields;
}

function bitsOf(bytes, from, length) {
  const bit = (at) => (bytes[at >> 3] >> (7 - (at & 7))) & 1;
  return Array.from({ length }, (_, at) => bit(from + at)).join("");
}

const inOctets = (bits) => bits.match(/.{1,8}/g).join(" ");

function lengthText({ short, extended }) {
  if (extended === 0) return fill(words.frame.length, { length: short });
  return fill(words.frame.length_extended, { short, bytes: extended });
}
