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
  if (kind === "bytes") return words.summary.unknown;
  if (kind === "request" && !packets) return `${method} ${target}`;
  if (frame && frame.opcode !== TEXT && words.opcode[frame.name]) return words.opcode[frame.name];
  const content = contentText(unit);
  if (kind === "frame" || kind === "chunk") return content;
  return fill(words.summary[kind], { method, status, content });
}

function contentText({ status, streams, messages, fields, text, packets }) {
  if (status === SWITCHING_PROTOCOLS) return words.summary.upgrade;
  if (streams) return words.summary.begins;
  const found = messages?.length > 0 ? [messagesText(messages)] : [];
  if (packets) {
    const others = packets.filter(({ seq }) => seq === undefined);
    return [...others.map(packetText), ...found].join(", ");
  }
  if (found.length > 0) return found[0];
  const has = (field) => fields?.includes(field);
  if (has("event") || text?.includes('"gap"')) return words.summary.gap;
  if (has("retry")) return words.summary.opening;
  if (has("comment")) return words.summary.comment;
  if (has("end")) return words.summary.end;
  if (text?.startsWith('{"hello"')) return words.summary.hello;
  return words.summary.nothing;
}

const messagesText = (all) =>
  fill(words.summary.messages, { n: all.length, first: all[0], last: all.at(-1) });

/** Returns what a packet of Engine.IO or Socket.IO is. */
const packetText = ({ name, event }) =>
  fill(words.packet[name] ?? words.summary.unknown, { event });
