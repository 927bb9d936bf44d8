// One of the two panels: the strip of its seconds, its counts, and its last event as text.

import { make, setText } from "../../elements.js";
import { count } from "../../format.js";
import { words } from "../../page_data.js";
import { showLaneState } from "../../subscription/state_text.js";

const SECONDS = 30;

export class StreamView {
  #root;
  #stream;
  #cells;

  constructor(name, stream) {
    this.#root = document.querySelector(`[data-stream="${name}"]`);
    this.#stream = stream;
    this.#cells = Array.from({ length: SECONDS }, () => make("li", { className: "second" }));
    this.#part("seconds").append(...this.#cells);
    showLaneState(this.#root.querySelector(".state"), () => this.#state());
  }

  /** Shows the panel. The strip ends with the second `newest`. */
  show(newest) {
    this.#cells.forEach((cell, place) => {
      const number = newest - SECONDS + 1 + place;
      cell.dataset.second = this.#stream.second(number) ?? this.#unknown(number);
    });
    for (const [key, value] of Object.entries(this.#stream.counts)) {
      setText(this.#root.querySelector(`[data-count="${key}"]`), count(value));
    }
    const { lost } = this.#stream.counts;
    this.#root.querySelector('[data-count="lost"]').classList.toggle("alarm", lost > 0);
    this.#showLastEvent();
  }

  /** A second that the other stream knows is on its way, or was before this stream began. */
  #unknown(number) {
    const { newest } = this.#stream;
    return newest > 0 && number > newest ? "waiting" : "none";
  }

  #showLastEvent() {
    const { last } = this.#stream;
    if (!last) return;
    const id = last.id === "" ? "" : `id: ${last.id}\n`;
    setText(this.#part("event"), `${id}data: ${last.data}`);
    setText(
      this.#part("sends"),
      last.id === "" ? words.sends_nothing : `Last-Event-ID: ${last.id}`,
    );
  }

  #state() {
    const { is_open, since, last } = this.#stream;
    if (is_open) return { state: "connected", since };
    return last ? { state: "away", since, closed: { why: "ended" } } : { state: "starting" };
  }

  #part(key) {
    return this.#root.querySelector(`[data-part="${key}"]`);
  }
}
