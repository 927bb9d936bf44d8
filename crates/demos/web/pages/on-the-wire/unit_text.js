// What a unit is and contains, in a few words.

import { fill, seconds } from "../../format.js";
import { words } from "../../page_data.js";

const started_at = performance.now();

const TEXT = 1;
const SWITCHING_PROTOCOLS = 101;

/** Returns the time of a unit since the page was opened. */
export const timeText = ({ at }) => seconds((at - started_at) / 1000, 3);

/** Returns what a unit is: a request, a response, a frame. */
export function kindText({ kind, streams }) {
  return words.kind[kind === "response" && streams ? "response_stream" : kind];
}

/** Returns what a unit contains. */
export function summaryText(unit) {
  const { kind, method, target, status, frame, packets } = unit;
  if (kind === "request") {
    return packets ? `${method}: ${contentText(unit)}` : `${method} ${target}`;
  }
  if (kind === "bytes") return words.summary.unknown;
  if (frame && frame.opcode !== TEXT && words.opcode[frame.name]) return words.opcode[frame.name];
  const content = contentText(unit);
  return status ? fill(words.summary.response, { status, content }) : content;
}

function contentText({ status, streams, messages, fields, text, packets }) {
  if (status === SWITCHING_PROTOCOLS) return words.summary.upgrade;
  if (streams) return words.summary.begins;
  if (messages?.length > 0) {
    const values = { n: messages.length, first: messages[0], last: messages.at(-1) };
    return fill(words.summary.messages, values);
  }
  if (packets) return packets.map(packetText).join(", ");
  const has = (field) => fields?.includes(field);
  if (has("event") || text?.includes('"gap"')) return words.summary.gap;
  if (has("retry")) return words.summary.opening;
  if (has("comment")) return words.summary.comment;
  if (has("end")) return words.summary.end;
  if (text?.startsWith('{"hello"')) return words.summary.hello;
  return words.summary.nothing;
}

/** Returns what a packet of Engine.IO or Socket.IO is. */
const packetText = ({ name, event }) =>
  fill(words.packet[name] ?? words.summary.unknown, { event });
