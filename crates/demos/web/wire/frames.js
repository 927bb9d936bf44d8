// Decodes WebSocket frames (RFC 6455, section 5.2).

import { readPackets } from "./packets.js";
import { row, unmask } from "./unit.js";

const utf8 = new TextDecoder();

const OPCODES = { 0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong" };
const TEXT = 1;

/** The bytes of a payload that show what a frame contains. */
const START_BYTES = 64;

/** Takes a frame from a stream. Returns `undefined` if more bytes are needed. */
export function readFrame(stream) {
  const { bytes } = stream;
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const masked = (bytes[1] & 0x80) !== 0;
  const header = 2 + extended + (masked ? 4 : 0);
  if (bytes.length < header) return undefined;
  // The header starts within a hole.
  if (stream.holes[0]?.from < header) return stream.takeUnknown();
  const length = extended > 0 ? bigEndian(bytes.subarray(2, 2 + extended)) : short;
  const whole = header + length;
  if (bytes.length < whole) return undefined;

  const key = masked ? bytes.slice(header - 4, header) : undefined;
  const frame = { ...firstByte(bytes[0]), mask: bytes[1] >> 7, short, extended, length, key };
  const payload = unmask(bytes.subarray(header, whole), key);
  const content = readPayload(frame.opcode === TEXT, payload, header);
  content.rows.unshift(row("frame_header", 0, header, "framing"));
  return stream.take(whole, { kind: "frame", header, frame, ...content });
}

/** Returns what a payload contains: its rows, the numbers of the messages, its text or packets. */
function readPayload(isText, payload, from) {
  const packets = isText && readPackets(payload, from);
  if (packets) return packets;
  const text = isText ? utf8.decode(payload.subarray(0, START_BYTES)) : "";
  const seq = text.match(/^\{"seq":(\d+)/);
  const rows = [row("frame_payload", from, from + payload.length, seq ? "message" : "framing")];
  const messages = seq ? [Number(seq[1])] : [];
  return { text, messages, rows: payload.length > 0 ? rows : [] };
}

function firstByte(byte) {
  const opcode = byte & 0x0f;
  return {
    fin: byte >> 7,
    opcode,
    name: OPCODES[opcode],
  };
}

function bigEndian(bytes) {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
