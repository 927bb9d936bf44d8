// Decodes packets of Engine.IO 4, and the packets of Socket.IO 5 in them.
//
// A packet is text. Its first digit is its type in Engine.IO. In a message a second digit follows,
// the type in Socket.IO, and then the namespace, the number of an acknowledgement, and JSON:
//
//   42/feeds/demo,7["publish","hello"]
//
// A frame contains one packet, the body of a request or response one or more.

import { row, segments } from "./unit.js";

const latin1 = new TextDecoder("latin1");

const ENGINE_TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const SOCKET_TYPES = [
  "connect",
  "disconnect",
  "event",
  "ack",
  "connect_error",
  "binary_event",
  "binary_ack",
];

const SEPARATOR = "\x1e";
/** The body of the response to packets that the browser has sent. */
const ACCEPTED = "ok";

/**
 * Reads the packets of a payload. Returns `undefined` if it contains something else: other payloads
 * of the server are JSON objects.
 *
 * @param {Uint8Array} bytes the payload, without a mask
 * @param {number} start its place in the unit
 * @returns {{rows: object[], packets: object[], messages: number[]} | undefined} the rows of the
 *   unit, what each packet is (see `readPacket`), and the numbers of the messages in them
 */
export function readPackets(bytes, start) {
  const text = latin1.decode(bytes);
  if (text === ACCEPTED) {
    const rows = [row("packets_accepted", start, start + text.length, "framing")];
    return { rows, packets: [{ name: "accepted" }], messages: [] };
  }
  if (!/^[0-6]/.test(text)) return undefined;
  const found = { rows: [], packets: [], messages: [] };
  let at = start;
  for (const packet of text.split(SEPARATOR)) {
    if (at > start) found.rows.push(row("packet_separator", at - 1, at, "framing"));
    found.packets.push(readPacket(packet, at, found));
    at += packet.length + SEPARATOR.length;
  }
  return found;
}

/** Adds the rows of a packet. Returns its `name`, of an event `event`, and of a message `seq`. */
function readPacket(text, start, { rows, messages }) {
  let at = start;
  const add = (kind, part, category = "framing") => {
    if (part) rows.push(row(kind, at, at + part.length, category));
    at += part.length;
  };
  const engine = ENGINE_TYPES[text[0]];
  add(`engine_${engine}`, text.slice(0, 1));
  if (engine !== "message") {
    add(engine === "open" ? "open_json" : "probe", text.slice(1));
    return { name: text.endsWith("probe") ? `${engine}_probe` : engine };
  }
  const [, type, attachments = "", namespace = "", id = "", data = ""] = text
    .slice(1)
    .match(/^(\d?)(\d+-)?(\/[^,]*,?)?(\d+)?(.*)$/s);
  const name = SOCKET_TYPES[type];
  add(`socket_${name}`, type);
  add("attachments", attachments);
  add("namespace", namespace);
  add("ack_id", id);
  const event = data.match(/^\["([^"]*)"/)?.[1];
  add(`${name}_json`, data);
  const digits = data.match(/^\["message",\{"seq":(\d+)/)?.[1];
  if (name !== "event" || !digits) return { name, event };
  rows.at(-1).segments = eventSegments(rows.at(-1));
  messages.push(Number(digits));
  return { name, event, seq: Number(digits) };
}

/** Separates the message in an event from the array around it: `["message",{…}]`. */
function eventSegments({ from, to }) {
  const value = from + '["message",'.length;
  return segments([from, "framing"], [value, "message"], [to - 1, "framing"], [to]);
}
