// Inserting rows: one that the visitor types, or many at once.

import { byId } from "../../elements.js";
import { count, duration, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { post } from "../../server/api.js";
import { errorText } from "../../server/error_text.js";
import { publish } from "../../transport/publish.js";

export class Insertion {
  #text = byId("text");

  /** Makes the field and the buttons work. */
  constructor() {
    byId("insert").addEventListener("click", () => this.#insert());
    byId("fill").addEventListener("click", () => this.#fill());
    this.#text.addEventListener("keydown", (event) => {
      // While Chinese is being composed, Enter chooses a word and inserts nothing.
      if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#insert();
    });
  }

  async #insert() {
    const text = this.#text.value.trim();
    if (text === "") {
      this.#say(words.empty);
      return;
    }
    this.#text.value = "";
    const sent_at = performance.now();
    const inserted = await this.#attempt(async () => {
      const { cursor } = await publish("message-table", { kind: "typed", text });
      const took = duration(performance.now() - sent_at);
      return fill(words.inserted, { number: cursor.slice(cursor.lastIndexOf("-") + 1), took });
    });
    // The text comes back, unless the visitor has begun another one.
    if (!inserted && this.#text.value === "") this.#text.value = text;
  }

  async #fill() {
    byId("fill").disabled = true;
    await this.#attempt(async () => {
      const { inserted } = await post("/demo/message-table/fill", {});
      return fill(words.filled, { n: count(inserted) });
    });
    byId("fill").disabled = false;
  }

  /** Says what came of an insertion. Returns true if it was acknowledged. */
  async #attempt(insert) {
    try {
      this.#say(await insert());
      return true;
    } catch (error) {
      this.#say(fill(words.refused, { error: errorText(error, words.problem) }));
      return false;
    }
  }

  #say(text) {
    byId("inserted").textContent = text;
  }
}
