// Socket.IO: named events in both directions, over requests first and over a WebSocket later.
//
// The official client does most of the work. It opens a session with requests, changes over to a
// WebSocket, answers heartbeats, and reconnects by itself after 0.5 to 1.5 s, later after up to
// 5 s. It does not continue where it was: the cursor of the last message does that, which each
// connection sends along.

import { Manager } from "../socket.io-client/socket.io.esm.min.js";
import { backOff } from "./back_off.js";
import { publishError } from "./publish.js";

/** See `publishesInFrames` in mod.js. */
export const PUBLISHES_IN_FRAMES = true;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, onEvent) {
  const subscription = new EventSubscription(feed, options, onEvent);
  return {
    stop: () => subscription.stop(),
    publish: (payload) => subscription.publish(payload),
  };
}

class EventSubscription {
  #onEvent;
  #manager;
  #socket;
  #cursor;
  #epoch;
  #wait = backOff();
  #timer;
  /** The last packet of Engine.IO: its text, and when it arrived. */
  #last = { text: "", at: 0 };

  constructor(feed, { after, lane }, onEvent) {
    this.#cursor = after;
    this.#onEvent = onEvent;
    // With a manager of its own. Subscriptions that share one also share a connection.
    this.#manager = new Manager(location.origin, { path: "/socket.io/", query: { lane } });
    this.#manager.on("open", () => this.#watchPackets());
    // As a function, so that each connection sends the cursor of its time.
    const auth = (send) => send({ after: this.#cursor });
    this.#socket = this.#manager.socket(`/feeds/${encodeURIComponent(feed)}`, { auth });
    this.#socket.on("hello", (hello) => this.#start(hello));
    this.#socket.on("message", (message) => this.#receive(message));
    this.#socket.on("gap", ({ gap, cursor }) => this.#noteGap(gap, cursor));
    this.#socket.on("disconnect", (reason) =>
      this.#lose(reason === "ping timeout" ? "unreachable" : "ended"),
    );
    this.#socket.on("connect_error", () => this.#lose("unreachable"));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#socket.off();
    this.#socket.disconnect();
  }

  async publish(payload) {
    // The client would keep the message and send it after an outage, when nobody expects it.
    if (!this.#socket.connected) throw publishError("not_open");
    const { engine } = this.#manager;
    const inFrame = engine.transport.name === "websocket";
    let up;
    engine.once("packetCreate", ({ data }) => {
      up = `4${data}`;
    });
    // Rejected if the connection ends first.
    const answer = await this.#socket.emitWithAck("publish", payload).catch(() => {
      throw publishError("cut");
    });
    if (answer.error) throw publishError("refused", answer.status);
    return { cursor: answer.cursor, frames: inFrame ? { up, down: this.#last.text } : undefined };
  }

  /** Notes when packets arrive: an event is delivered only after it was decoded. */
  #watchPackets() {
    this.#manager.engine.on("packet", ({ data }) => {
      this.#last = { text: `4${data}`, at: performance.now() };
    });
  }

  #start({ cursor, gap }) {
    this.#wait.reset();
    this.#onEvent({ kind: "connected" });
    this.#moveTo(cursor);
    if (gap) this.#noteGap(gap, cursor);
  }

  #receive(message) {
    this.#cursor = `${this.#epoch}-${message.seq}`;
    this.#onEvent({ kind: "received", message, cursor: this.#cursor, at: this.#last.at });
  }

  #noteGap(gap, cursor) {
    this.#moveTo(cursor);
    this.#onEvent({ kind: "gap", gap, cursor });
  }

  #moveTo(cursor) {
    this.#cursor = cursor;
    this.#epoch = cursor.slice(0, cursor.lastIndexOf("-"));
  }

  #lose(why) {
    // The client does not come back by itself if the server has refused or ended the subscription.
    const again_ms = this.#socket.active ? undefined : this.#wait.next();
    this.#onEvent({ kind: "closed", why, again_ms });
    if (again_ms !== undefined) {
      this.#timer = setTimeout(() => this.#socket.connect(), again_ms);
    }
  }
}
