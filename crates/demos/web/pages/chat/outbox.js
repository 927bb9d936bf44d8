// Own messages from sending to confirmation.

import { duration, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { errorText } from "../../server/error_text.js";
import { laneTag } from "../../server/tab.js";
import { publishesInFrames } from "../../transport/mod.js";
import { publish } from "../../transport/publish.js";
import { sendingLane } from "./costs.js";
import { makeMessage, setMessageState } from "./items.js";
import { timeOfDay } from "./time.js";

const CONFIRMATION_TIMEOUT_MS = 10_000;

const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

export class Outbox {
  #chat;
  /**
   * Own messages that were not received yet, by id. They are below everything that was received.
   */
  #pending = new Map();
  /**
   * Messages that were not confirmed. The server may have them: only its answer may have been lost.
   */
  #failed = new Map();

  /**
   * @param {{membership: object, list: object, costs: object, transport: () => string, publish:
   *   (payload: object) => Promise<object>}} chat `publish` publishes over the subscription
   */
  constructor(chat) {
    this.#chat = chat;
  }

  /** The oldest message that is on its way. */
  get firstPending() {
    const [first] = this.#pending.values();
    return first;
  }

  /** Returns the item of an own message that was received, and ends its waiting. */
  take(id) {
    const item = this.#pending.get(id) ?? this.#failed.get(id);
    this.#pending.delete(id);
    this.#failed.delete(id);
    return item;
  }

  send(text) {
    const { membership, transport } = this.#chat;
    const { name } = membership.me;
    const item = makeMessage({ own: true, name, over: transport(), text, state: "sending" });
    this.#deliver(item, randomId(), text);
  }

  async #deliver(item, id, text) {
    const { membership, list, costs } = this.#chat;
    this.#pending.set(id, item);
    setMessageState(item, "sending", words.sending);
    list.addOwn(item);
    const over = this.#chat.transport();
    const { member, name } = membership.me ?? {};
    const payload = { kind: "say", member, name, over, id, text };
    const sent_at = performance.now();
    try {
      const { frames } = await withTimeout(this.#publish(over, payload));
      const took_ms = performance.now() - sent_at;
      costs.countConfirmed(over, { frames, took_ms });
      // The message may have been received before it was confirmed. The confirmation says more.
      const remark = { time: timeOfDay(new Date()), delay: duration(took_ms) };
      setMessageState(item, "confirmed", fill(words.confirmed, remark));
    } catch (error) {
      this.#fail(item, id, text, error);
    }
  }

  #publish(transport, payload) {
    if (publishesInFrames(transport)) return this.#chat.publish(payload);
    return publish("chat", payload, laneTag(sendingLane(transport)));
  }

  #fail(item, id, text, error) {
    if (item.dataset.state === "confirmed") return;
    // The message stays where it is. What is received from now on comes below it.
    this.#pending.delete(id);
    this.#failed.set(id, item);
    const remark = fill(words.refused, { error: reason(error) });
    const again = () => this.#deliver(item, id, text);
    this.#chat.list.change(() => setMessageState(item, "refused", remark, again));
    // The server may have removed this member.
    this.#chat.membership.keepAlive();
  }
}

function withTimeout(promise) {
  return new Promise((resolve, reject) => {
    const seconds = CONFIRMATION_TIMEOUT_MS / 1000;
    const error = Object.assign(new Error("unconfirmed"), { why: "unconfirmed", seconds });
    setTimeout(() => reject(error), CONFIRMATION_TIMEOUT_MS);
    promise.then(resolve, reject);
  });
}

/** Says in the reader's language why a message was not sent. */
function reason(error) {
  const known = words.problem[error.why];
  return known ? fill(known, error) : errorText(error, words.problem);
}
