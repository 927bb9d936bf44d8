// The rows of the table as one way of reading it has received them.

import { setText } from "../../elements.js";
import { fill } from "../../format.js";
import { words } from "../../page_data.js";
import { delayText } from "../../server/delay_text.js";

/** The rows that the page shows: the newest ones. */
const SHOWN_ROWS = 6;

export class ReceivedRows {
  /** How many rows were received, those that were there already included. */
  received = 0;
  /** How many rows the server keeps. */
  kept = Infinity;

  #is_whole;
  #rows = [];
  /** The rows of the response that is being read, if each response has the whole table. */
  #response = [];
  #cells;
  /** Rows that were published earlier have waited for no page. */
  #opened_at = performance.now();

  /**
   * @param {HTMLTableSectionElement} body
   * @param {boolean} is_whole true if each response has the whole table
   */
  constructor(body, is_whole) {
    this.#is_whole = is_whole;
    this.#cells = Array.from({ length: SHOWN_ROWS }, () => addCells(body));
  }

  /** How many rows the page knows. */
  get known() {
    return this.#rows.length;
  }

  /** Handles an event of the subscription. */
  handle({ kind, message, gap }) {
    if (kind === "received") this.#receive(message);
    else if (kind === "request") this.#response = [];
    else if (kind === "empty" && this.#is_whole) this.#rows = [];
    else if (kind === "gap" && gap.reset) this.#rows = [];
  }

  /** Shows the newest rows. `messages` has what the lane knows of their arrival. */
  show(messages) {
    this.#cells.forEach((cells, back) => {
      this.#showRow(cells, this.#rows.at(-1 - back), messages);
    });
  }

  #receive({ seq, payload }) {
    this.received += 1;
    if (this.#is_whole) {
      this.#response.push({ seq, payload });
      this.#rows = this.#response;
      return;
    }
    this.#rows.push({ seq, payload });
    if (this.#rows.length > this.kept) this.#rows.shift();
  }

  #showRow({ number, content, after }, row, messages) {
    // The space keeps the height of the row, so that nothing moves when the first rows arrive.
    setText(number, row ? `#${row.seq}` : "\u00a0");
    setText(content, row ? contentOf(row) : "");
    setText(after, row ? this.#arrival(row, messages) : "");
  }

  #arrival({ seq }, messages) {
    const { published_at, delay_ms } = messages.findLast((message) => message.seq === seq) ?? {};
    // The stamp of a row that a database has kept may be of a clock that no longer runs.
    const is_new = delay_ms !== undefined && published_at >= this.#opened_at;
    return is_new ? delayText(delay_ms) : words.earlier;
  }
}

// All texts are set as text and never as HTML, because visitors can write anything.
function contentOf({ payload }) {
  switch (payload?.kind) {
    case "typed":
      return payload.text;
    case "filled":
      return fill(words.filled_row, payload);
    default:
      // A later version of the server may insert other kinds as well.
      return JSON.stringify(payload);
  }
}

function addCells(body) {
  const row = body.insertRow();
  const [number, content, after] = [row.insertCell(), row.insertCell(), row.insertCell()];
  after.className = "number";
  return { number, content, after };
}
