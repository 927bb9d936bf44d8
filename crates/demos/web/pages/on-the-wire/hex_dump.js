// The bytes of a unit as a hex editor shows them: offset, bytes, characters.

import { make } from "../../elements.js";
import { bytes as bytesText, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { CATEGORIES } from "../../wire/unit.js";

/** Writes bytes in hexadecimal, with spaces between them. */
export const hexText = (bytes) => Array.from(bytes, hexByte).join(" ");

const hexByte = (byte) => byte.toString(16).padStart(2, "0");
const character = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");

/** Returns the legend and the dump of a unit. */
export function hexDump(unit) {
  return [legend(), dump(unit)];
}

function legend() {
  const entries = CATEGORIES.map((category) =>
    make("span", { className: category }, words.category[category]),
  );
  return make("p", { className: "legend note" }, ...entries.flatMap((entry) => [entry, " "]));
}

function dump(unit) {
  const label = words.anatomy.bytes;
  const region = { className: "hex", tabindex: "0", role: "region", "aria-label": label };
  const pre = make("pre", region);
  const width = matchMedia("(max-width: 40rem)").matches ? 8 : 16;
  const [hole] = unit.holes;
  const known = hole ? hole.from : unit.length;
  for (let from = 0; from < known; from += width) {
    const to = Math.min(from + width, known);
    const padding = "   ".repeat(width - (to - from));
    pre.append(
      `${from.toString(16).padStart(4, "0")}  `,
      ...spans(unit, from, to, (byte) => `${hexByte(byte)} `),
      `${padding} `,
      ...spans(unit, from, to, character),
      "\n",
    );
  }
  if (hole) pre.append(fill(words.anatomy.hole, { size: bytesText(unit.length - known) }));
  return pre;
}

/** Returns the bytes of a line, with a span for each run of bytes of one category. */
function spans({ rows, bytes }, from, to, write) {
  const found = [];
  for (const { category, ...segment } of rows.flatMap(({ segments }) => segments)) {
    const first = Math.max(from, segment.from);
    const last = Math.min(to, segment.to);
    if (first >= last) continue;
    const text = Array.from(bytes.subarray(first, last), write).join("");
    found.push(make("span", { className: category }, text));
  }
  return found;
}
