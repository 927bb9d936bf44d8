// The slots of the page: one for each stream or socket.

import { make, makeMark } from "../../elements.js";
import { count, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { laneTag } from "../../server/tab.js";
import { subscribe } from "../../transport/mod.js";

export class Slots {
  #list;
  #listeners;
  #slots = [];

  /**
   * @param {HTMLElement} list
   * @param {{onChange: () => void, onAway: (number: number) => void}} listeners `onAway` is called
   *   with the number of a slot that has lost its connection
   */
  constructor(list, listeners) {
    this.#list = list;
    this.#listeners = listeners;
  }

  get size() {
    return this.#slots.length;
  }

  /** The number of open slots. */
  get open() {
    return this.#slots.filter(({ state }) => state === "open").length;
  }

  /** Returns the first slot in a state. */
  first(state) {
    return this.#slots.find((slot) => slot.state === state);
  }

  add(transport, number) {
    const slot = new Slot(transport, number, this.#listeners);
    this.#slots.push(slot);
    this.#list.append(slot.item);
    this.#listeners.onChange();
    return slot;
  }

  remove(slot) {
    slot.stop();
    slot.item.remove();
    this.#slots = this.#slots.filter((other) => other !== slot);
  }

  closeAll() {
    for (const slot of this.#slots) slot.stop();
    this.#slots = [];
    this.#list.replaceChildren();
    this.#listeners.onChange();
  }
}

class Slot {
  state = "connecting";
  /** Resolves once the connection is open. */
  opens;

  #listeners;
  #subscription;
  #resolveOpens;
  #state_text = make("span");
  #events_text = make("span", { className: "note" });
  #received = 0;

  constructor(transport, number, listeners) {
    this.number = number;
    this.#listeners = listeners;
    this.opens = new Promise((resolve) => {
      this.#resolveOpens = resolve;
    });
    const name = make("b", {}, count(number));
    const parts = [makeMark(), name, this.#state_text, this.#events_text];
    this.item = make("li", { "data-transport": transport }, ...parts);
    this.#showState();
    // All slots share a lane, so that the server counts on how many connections it came.
    const options = { lane: laneTag(`six-${transport}`) };
    this.#subscription = subscribe(transport, "clock", options, (event) => this.#handle(event));
  }

  enter(state) {
    this.state = state;
    this.#showState();
    this.#listeners.onChange();
  }

  stop() {
    this.#subscription.stop();
  }

  /** Resolves to whether the connection is open within a time. */
  opensWithin(ms) {
    const timeout = new Promise((resolve) => setTimeout(() => resolve(false), ms));
    return Promise.race([this.opens.then(() => true), timeout]);
  }

  #showState() {
    this.item.dataset.state = this.state;
    this.#state_text.textContent = words.slot[this.state];
  }

  #handle({ kind }) {
    if (kind === "connected") {
      this.enter("open");
      this.#resolveOpens();
    } else if (kind === "closed" && this.state === "open") {
      this.enter("away");
      this.#listeners.onAway(this.number);
    } else if (kind === "received") {
      this.#received += 1;
      this.#events_text.textContent = fill(words.events, { n: this.#received });
    }
  }
}
