// The bytes of one direction of a connection that are not decoded yet.

import { row } from "./unit.js";

const latin1 = new TextDecoder("latin1");

/** The largest head that is looked for. */
const MAX_HEAD_BYTES = 65_536;

export class ByteStream {
  /** What the bytes are: `head` of HTTP, `chunks` of a body, or `frames` of a WebSocket. */
  mode = "head";
  bytes = new Uint8Array();
  /** The parts that were not recorded. */
  holes = [];
  /** Where each recorded piece starts. */
  #pieces = [];

  get lane() {
    return this.#pieces[0].lane;
  }

  /** Appends a record of the server. */
  append({ lane, at_ns, length, bytes }) {
    const kept = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
    const start = this.bytes.length;
    const all = new Uint8Array(start + length);
    all.set(this.bytes);
    all.set(kept, start);
    if (kept.length < length) this.holes.push({ from: start + kept.length, to: start + length });
    this.#pieces.push({ from: start, lane, at_ns });
    this.bytes = all;
  }

  /** Returns the first bytes as text. */
  start(length) {
    return latin1.decode(this.bytes.subarray(0, length));
  }

  /** Returns the place of a text, or -1 if it is not there or follows a hole. */
  find(text) {
    const place = this.start(MAX_HEAD_BYTES).indexOf(text);
    return place >= 0 && !this.holes.some(({ from }) => from < place) ? place : -1;
  }

  /** Returns true if these bytes are the start of a head, so that more bytes may complete it. */
  mayBecomeHead() {
    const complete = this.holes.length === 0 && this.bytes.length < MAX_HEAD_BYTES;
    return complete && /^[A-Z]{3}|^HTTP/.test(this.start(4));
  }

  /** Removes the first bytes and returns them as a unit. */
  take(length, unit) {
    const [{ lane, at_ns }] = this.#pieces;
    const holes = this.holes
      .filter(({ from }) => from < length)
      .map(({ from, to }) => ({ from, to: Math.min(length, to) }));
    // A unit is kept for a while, so a hole at its end takes no room.
    const known = holes.at(-1)?.to === length ? holes.at(-1).from : length;
    const taken = { ...unit, lane, at_ns, length, bytes: this.bytes.slice(0, known), holes };
    this.#drop(length);
    return taken;
  }

  /** Removes all bytes and returns them as a unit that was not decoded. */
  takeUnknown() {
    const { length } = this.bytes;
    const rows = [row("unknown", 0, length, "framing")];
    return this.take(length, { kind: "bytes", rows, messages: [] });
  }

  #drop(length) {
    this.bytes = this.bytes.slice(length);
    this.holes = this.holes
      .map(({ from, to }) => ({ from: Math.max(0, from - length), to: to - length }))
      .filter(({ to }) => to > 0);
    // The piece in which the next unit starts stays, if any of it is left.
    const left = this.bytes.length > 0;
    const current = left && this.#pieces.findLast(({ from }) => from <= length);
    this.#pieces = this.#pieces
      .filter((piece) => piece === current || piece.from > length)
      .map((piece) => ({ ...piece, from: Math.max(0, piece.from - length) }));
  }
}
