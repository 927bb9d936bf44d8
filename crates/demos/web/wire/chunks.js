// Decodes chunks of HTTP/1.1, and the event streams in them.

import { row, segments } from "./unit.js";

const utf8 = new TextDecoder();

/** The longest chunk size line: 16 digits and a line end. */
const MAX_SIZE_LINE = 18;

/** Takes a chunk from a stream. Returns `undefined` if more bytes are needed. */
export function readChunk(stream) {
  const line = stream.find("\r\n");
  if (line < 0) return stream.bytes.length < MAX_SIZE_LINE ? undefined : stream.takeUnknown();
  const digits = stream.start(line);
  if (!/^[0-9a-f]+$/i.test(digits)) return stream.takeUnknown();
  const size = Number.parseInt(digits, 16);
  const from = line + 2;
  const whole = from + size + 2;
  if (stream.bytes.length < whole) return undefined;

  const unit = { kind: "chunk", size, messages: [], fields: [] };
  unit.rows = [row("chunk_size", 0, from, "framing")];
  if (size === 0) {
    unit.fields.push("end");
    stream.mode = "head";
  } else {
    readEvents(stream.bytes, from, from + size, unit);
  }
  unit.rows.push(row(size === 0 ? "chunk_last" : "chunk_end", from + size, whole, "framing"));
  return stream.take(whole, unit);
}

/** Reads the lines of an event stream within a chunk. */
function readEvents(bytes, from, to, unit) {
  let event = "message";
  let at = from;
  while (at < to) {
    const line_end = bytes.indexOf(10, at);
    const end = line_end < 0 || line_end >= to ? to : line_end + 1;
    const line = utf8.decode(bytes.subarray(at, end)).trimEnd();
    const field = fieldOf(line);
    const found = row(`event_${field}`, at, end, "framing");
    if (field === "event") event = line.slice(7);
    if (field === "data" && event === "message") {
      const value = at + (line.startsWith("data: ") ? 6 : 5);
      found.segments = segments([at, "framing"], [value, "message"], [end - 1, "framing"], [end]);
      const seq = line.match(/\{"seq":(\d+)/);
      if (seq) unit.messages.push(Number(seq[1]));
    }
    if (field === "end") event = "message";
    else unit.fields.push(field);
    unit.rows.push(found);
    at = end;
  }
}

function fieldOf(line) {
  if (line === "") return "end";
  return line.startsWith(":") ? "comment" : line.slice(0, line.indexOf(":"));
}
