// One claim: its answer is hidden until the reader has predicted the verdict.

import { words } from "../../page_data.js";

/** The verdicts that each prediction stands for. */
const VERDICTS = {
  true: ["true", "reasonable", "use-case"],
  depends: ["depends", "partly", "explained"],
  false: ["false"],
};

export class PredictedClaim {
  /** What the reader has predicted: a key of `VERDICTS`, or `undefined`. */
  guess = undefined;

  #article;
  #buttons;
  #plays = false;

  /** `onGuess()` is called when the reader has predicted the verdict. */
  constructor(article, onGuess) {
    this.#article = article;
    this.#buttons = [...article.querySelectorAll("[data-guess]")];
    for (const button of this.#buttons) {
      button.addEventListener("click", () => {
        this.guess ??= button.dataset.guess;
        this.#show();
        onGuess();
      });
    }
  }

  /** True if the prediction stands for the verdict. */
  get is_hit() {
    return VERDICTS[this.guess]?.includes(this.#article.dataset.verdict) === true;
  }

  /** Shows the buttons and hides the answer, or the other way round. */
  play(plays) {
    this.#plays = plays;
    this.#show();
  }

  forget() {
    this.guess = undefined;
    this.#show();
  }

  #show() {
    const is_open = !this.#plays || this.guess !== undefined;
    for (const part of this.#article.querySelectorAll("[data-answer]")) part.hidden = !is_open;
    this.#article.querySelector(".claim-guess").hidden = !this.#plays;
    for (const button of this.#buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.guess === this.guess));
      // Not `disabled`: the keyboard would lose its place on the page.
      button.setAttribute("aria-disabled", String(this.guess !== undefined));
    }
    const result = this.#article.querySelector(".claim-hit");
    const predicted = this.#plays && this.guess !== undefined;
    result.textContent = predicted ? words.predict[this.is_hit ? "hit" : "miss"] : "";
    result.toggleAttribute("data-hit", this.is_hit);
  }
}
