// WebSocket: frames in both directions over one connection.
//
// The browser provides frames and nothing more. Reconnecting after a cut, continuing from the last
// message, and telling messages from confirmations is done here.

import { address } from "./address.js";
import { backOff } from "./back_off.js";
import { publishError } from "./publish.js";

/** See `publishesInFrames` in mod.js. */
export const PUBLISHES_IN_FRAMES = true;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, onEvent) {
  const socket = new ReconnectingSocket(feed, options, onEvent);
  return {
    stop: () => socket.stop(),
    publish: (payload) => socket.publish(payload),
  };
}

class ReconnectingSocket {
  #feed;
  #lane;
  #onEvent;
  #wait = backOff();
  #cursor;
  #epoch;
  #socket;
  #timer;
  /** What was published and not confirmed yet, oldest first: the server confirms in order. */
  #unconfirmed = [];

  constructor(feed, { after, lane }, onEvent) {
    this.#feed = feed;
    this.#lane = lane;
    this.#cursor = after;
    this.#onEvent = onEvent;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  publish(payload) {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(publishError("not_open"));
        return;
      }
      const up = JSON.stringify({ publish: payload });
      this.#unconfirmed.push({ up, resolve, reject });
      this.#socket.send(up);
    });
  }

  #open() {
    const path = address(this.#feed, "websocket", { after: this.#cursor, lane: this.#lane });
    this.#socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));
    this.#socket.onmessage = ({ data }) => {
      const at = performance.now();
      this.#handle(JSON.parse(data), data, at);
    };
    // An error is always followed by a close, so the close is enough.
    this.#socket.onclose = ({ wasClean }) => this.#reopenLater(wasClean ? "ended" : "unreachable");
  }

  #reopenLater(why) {
    for (const { reject } of this.#unconfirmed) reject(publishError("cut"));
    this.#unconfirmed = [];
    const again_ms = this.#wait.next();
    this.#onEvent({ kind: "closed", why, again_ms });
    this.#timer = setTimeout(() => this.#open(), again_ms);
  }

  #handle(frame, text, at) {
    if (frame.hello) {
      this.#wait.reset();
      this.#onEvent({ kind: "connected" });
      this.#moveTo(frame.hello.cursor);
      const { gap } = frame.hello;
      if (gap) this.#onEvent({ kind: "gap", gap, cursor: this.#cursor });
    } else if (frame.seq) {
      // A message carries no cursor of its own: it would be the same bytes in every frame.
      this.#cursor = `${this.#epoch}-${frame.seq}`;
      this.#onEvent({ kind: "received", message: frame, cursor: this.#cursor, at });
    } else if (frame.gap) {
      this.#moveTo(frame.cursor);
      this.#onEvent({ kind: "gap", gap: frame.gap, cursor: this.#cursor });
    } else if (frame.published) {
      const { up, resolve } = this.#unconfirmed.shift();
      resolve({ cursor: frame.published.cursor, frames: { up, down: text } });
    } else if (frame.error) {
      this.#unconfirmed.shift()?.reject(publishError("refused", frame.status));
    }
  }

  #moveTo(cursor) {
    this.#cursor = cursor;
    this.#epoch = cursor.slice(0, cursor.lastIndexOf("-"));
  }
}
