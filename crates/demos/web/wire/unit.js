// A unit: one thing that one side sent, with its parts.
//
//   { n, lane, connection, direction, at_ns, kind, length, bytes, holes, rows, sizes, … }
//
// `kind` is `request`, `response`, `chunk`, `frame` or `bytes` (what could not be decoded). `rows`
// are its parts in order, `{ kind, from, to, segments }`. The segments say for each byte whether it
// belongs to a `head`, to `framing` or to a `message`, and `sizes` are their totals. `holes` are
// the parts that were not recorded.

export const CATEGORIES = ["head", "framing", "message"];

const utf8 = new TextDecoder();

/** Makes a row whose bytes all belong to one category. */
export function row(kind, from, to, category) {
  return { kind, from, to, segments: [{ category, from, to }] };
}

/**
 * Makes segments from where each of them starts: `segments([0, "framing"], [6, "message"], [90])`.
 */
export function segments(...places) {
  const ends = places.slice(1);
  return ends.map(([to], at) => ({ category: places[at][1], from: places[at][0], to }));
}

/** Returns how many bytes of these rows belong to each category. */
export function sizesOf(rows) {
  const sizes = { head: 0, framing: 0, message: 0 };
  for (const { category, from, to } of rows.flatMap((one) => one.segments)) {
    sizes[category] += to - from;
  }
  return sizes;
}

/**
 * Returns the text of a part of a unit, without the mask of a frame. `…` stands for bytes that were
 * not recorded.
 */
export function textOf(unit, { from, to }) {
  const hole = unit.holes.find((one) => one.from < to && one.to > from);
  if (!hole) return utf8.decode(plainBytes(unit, from, to));
  return `${utf8.decode(plainBytes(unit, from, Math.max(from, hole.from)))}…`;
}

/** Returns the bytes of a part of a unit, without the mask of a frame. */
export function plainBytes({ bytes, header, frame }, from, to) {
  const part = bytes.subarray(from, to);
  return from >= header ? unmask(part, frame.key, from - header) : part;
}

/** Removes the mask of bytes that start at `place` of a WebSocket payload, if there is a mask. */
export function unmask(bytes, key, place = 0) {
  return key ? bytes.map((byte, at) => byte ^ key[(place + at) % 4]) : bytes;
}
