// Decodes heads of HTTP/1.1, and bodies whose length the head says.

import { readPackets } from "./packets.js";
import { row, segments } from "./unit.js";

const latin1 = new TextDecoder("latin1");

const START_LINE = {
  in: /^([A-Z]+) (\S+) HTTP\/1\.\d$/,
  out: /^HTTP\/1\.\d (\d{3})(?: .*)?$/,
};

/**
 * Takes a head and its body from a stream. Returns `undefined` if more bytes are needed.
 *
 * @param {Map<string, Map<string, string>>} lastHeads the headers of the last head of each lane and
 *   direction, which show what is sent again and again
 */
export function readHead(stream, direction, lastHeads) {
  const end = stream.find("\r\n\r\n");
  if (end < 0) return stream.mayBecomeHead() ? undefined : stream.takeUnknown();
  const lines = stream.start(end).split("\r\n");
  const start = lines[0].match(START_LINE[direction]);
  if (!start) return stream.takeUnknown();

  const key = `${stream.lane} ${direction}`;
  const { rows, headers } = readLines(lines, direction, lastHeads.get(key) ?? new Map());
  const length = Number(headers.get("content-length") ?? 0);
  const whole = end + 4 + length;
  if (stream.bytes.length < whole) return undefined;
  lastHeads.set(key, headers);

  const unit = direction === "in" ? request(start) : response(start, headers);
  unit.rows = rows;
  if (length > 0) rows.push(...readBody(stream, end + 4, whole, unit));
  // Frames follow a request for an upgrade if the server agrees, and another head otherwise.
  const asksForUpgrade = headers.get("upgrade")?.toLowerCase() === "websocket";
  if (direction === "in" && asksForUpgrade) stream.mode = "frames";
  if (unit.chunked) stream.mode = "chunks";
  return stream.take(whole, unit);
}

function request([, method, target]) {
  return { kind: "request", method, target };
}

function response([, digits], headers) {
  const status = Number(digits);
  const upgraded = status === 101;
  const chunked = !upgraded && headers.get("transfer-encoding") === "chunked";
  return { kind: "response", status, upgraded, chunked, streams: upgraded || chunked };
}

function startLineKind(line, direction) {
  if (direction === "out") return "status_line";
  return line.includes(" /socket.io/") ? "request_line_session" : "request_line";
}

function readLines(lines, direction, lastHeaders) {
  const rows = [];
  const headers = new Map();
  let at = 0;
  for (const line of lines) {
    const to = at + line.length + 2;
    if (at === 0) {
      rows.push(row(startLineKind(line, direction), at, to, "head"));
    } else {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1).trim();
      headers.set(name.toLowerCase(), value);
      const same = lastHeaders.get(name.toLowerCase()) === value;
      rows.push({ ...row("header", at, to, "head"), name, same });
    }
    at = to;
  }
  rows.push(row("head_end", at, at + 2, "head"));
  return { rows, headers };
}

/** Reads a body: packets of Engine.IO, or a JSON object, with or without messages. */
function readBody(stream, from, to, unit) {
  const bytes = stream.bytes.subarray(from, to);
  const found = readPackets(bytes, from);
  if (!found) return [readJson(latin1.decode(bytes), from, to, unit)];
  const { rows, ...content } = found;
  Object.assign(unit, content);
  return rows;
}

function readJson(body, from, to, unit) {
  const found = row("body", from, to, "framing");
  const opening = '"messages":[';
  const start = body.indexOf(opening);
  if (start < 0) return found;
  const messages = from + start + opening.length;
  found.segments = segments([from, "framing"], [messages, "message"], [to - 2, "framing"], [to]);
  // Feeds number without holes, so the first number and the cursor are enough, even if the body is
  // cut off.
  const first = Number(body.match(/\{"seq":(\d+)/)?.[1]);
  const last = Number(body.match(/"cursor":"[^"]*-(\d+)"/)?.[1]);
  unit.messages =
    first <= last ? Array.from({ length: last - first + 1 }, (_, at) => first + at) : [];
  return found;
}
