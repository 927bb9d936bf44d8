// Decodes recorded bytes: HTTP heads, chunks, events and WebSocket frames.
//
// The server records pieces as they cross a socket, and keeps the first 2 KiB of a long one. A
// piece is not a unit: a head and the first chunk often come in one piece, and a long response in
// several. So the bytes of each connection and direction are put together again, and decoded by the
// rules of the protocol.

import { ByteStream } from "./byte_stream.js";
import { readChunk } from "./chunks.js";
import { readFrame } from "./frames.js";
import { readHead } from "./http_head.js";
import { sizesOf } from "./unit.js";

/** The server does not announce closed connections. No browser keeps as many as this open. */
const MAX_CONNECTIONS = 64;

export class WireDecoder {
  #connections = new Map();
  #lastHeads = new Map();
  #units = 0;

  /** Adds a record of the server, and returns the units that it completes (see unit.js). */
  add(record) {
    const { connection, direction } = record;
    const streams = this.#streamsOf(connection);
    const stream = streams[direction];
    stream.append(record);
    const units = [];
    while (stream.bytes.length > 0) {
      const unit = this.#read(stream, direction);
      if (!unit) break;
      if (unit.upgraded) streams.in.mode = streams.out.mode = "frames";
      this.#units += 1;
      units.push({ n: this.#units, connection, direction, ...unit, sizes: sizesOf(unit.rows) });
    }
    return units;
  }

  /** Call this after records were dropped: the next bytes may start in the middle of a unit. */
  forget() {
    this.#connections.clear();
    this.#lastHeads.clear();
  }

  #streamsOf(connection) {
    if (!this.#connections.has(connection)) {
      this.#connections.set(connection, { in: new ByteStream(), out: new ByteStream() });
      const [oldest] = this.#connections.keys();
      if (this.#connections.size > MAX_CONNECTIONS) this.#connections.delete(oldest);
    }
    return this.#connections.get(connection);
  }

  /** Returns the next unit of a stream, or `undefined` if more bytes are needed. */
  #read(stream, direction) {
    if (stream.mode === "head") stream.mode = guessMode(stream);
    switch (stream.mode) {
      case "chunks":
        return readChunk(stream);
      case "frames":
        return readFrame(stream);
      default:
        return readHead(stream, direction, this.#lastHeads);
    }
  }
}

/** Guesses what a stream contains where a head is expected: its beginning may have been dropped. */
function guessMode(stream) {
  // The highest bit of a letter or a digit is 0, and the FIN bit of a frame is 1.
  if (stream.bytes[0] & 0x80) return "frames";
  return /^[0-9a-f]+\r\n/.test(stream.start(18)) ? "chunks" : "head";
}
