// The table of what the EventSource has told the page.

import { make, setText } from "../../elements.js";
import { count, fill } from "../../format.js";
import { words } from "../../page_data.js";

/** The number of rows that are kept. */
const MAX_ROWS = 60;

const NAMES = ["CONNECTING", "OPEN", "CLOSED"];

export class EventLog {
  #body;
  #nothing;
  #started_at = performance.now();
  /** The row that counts messages, while nothing else happens. */
  #messages;

  /**
   * @param {HTMLElement} body of the table
   * @param {HTMLElement} nothing is shown while the table is empty
   */
  constructor(body, nothing) {
    this.#body = body;
    this.#nothing = nothing;
  }

  /** Adds a row at the top, because that is where it is seen. */
  add(event, ready_state, meaning) {
    const seconds = count((performance.now() - this.#started_at) / 1000, 2);
    const state = make("span", {}, make("code", {}, `${ready_state} ${NAMES[ready_state]}`));
    const text = make("span", {}, meaning);
    const cells = [
      make("td", { className: "number" }, seconds),
      make("td", {}, make("code", {}, event)),
      make("td", {}, state),
      make("td", {}, text),
    ];
    const row = make("tr", { "data-event": event, "data-state": ready_state }, ...cells);
    this.#body.prepend(row);
    while (this.#body.children.length > MAX_ROWS) this.#body.lastElementChild.remove();
    this.#nothing.hidden = true;
    this.#messages = undefined;
    return text;
  }

  /** Counts messages that follow each other in one row. */
  countMessage(ready_state) {
    const n = (this.#messages?.n ?? 0) + 1;
    const text = this.#messages?.text ?? this.add("message", ready_state, "");
    this.#messages = { n, text };
    setText(text, fill(words.told.messages, { n }));
  }

  clear() {
    this.#body.replaceChildren();
    this.#nothing.hidden = false;
    this.#messages = undefined;
    this.#started_at = performance.now();
  }
}
