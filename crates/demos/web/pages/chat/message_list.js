// The scrolling list of messages. It follows the newest message unless the reader has scrolled up.

import { fill } from "../../format.js";
import { words } from "../../page_data.js";

/** The number of messages on the page: a long talk must not slow it down. */
const MAX_ITEMS = 500;

/** How close to the end counts as the end, in pixels. */
const END_PX = 40;

export class MessageList {
  #list;
  #button;
  /** The number of messages below what the reader sees. */
  #unseen = 0;
  /**
   * Whether the end is shown. Restored when the size changes: a keyboard on a phone takes half the
   * list.
   */
  #following = true;

  /** `button` counts the new messages while the reader has scrolled up, and leads to them. */
  constructor(list, button) {
    this.#list = list;
    this.#button = button;
    list.addEventListener("scroll", () => {
      this.#following = this.#atEnd();
      if (this.#following && this.#unseen > 0) this.#setUnseen(0);
    });
    button.addEventListener("click", () => {
      this.#scrollToEnd();
      list.focus();
    });
    new ResizeObserver(() => this.#following && this.#scrollToEnd()).observe(list);
  }

  /** Adds what was received, before `first`: the oldest own message that is not confirmed yet. */
  addReceived(item, first) {
    const atEnd = this.#atEnd();
    this.#list.insertBefore(item, first ?? null);
    if (atEnd) {
      while (this.#list.children.length > MAX_ITEMS) this.#list.firstElementChild.remove();
      this.#scrollToEnd();
    } else if (item.dataset.own !== "true") {
      this.#setUnseen(this.#unseen + 1);
    }
  }

  /** Adds an own message and shows it. */
  addOwn(item) {
    this.#list.append(item);
    this.#scrollToEnd();
  }

  /** Changes an item. If the end was shown, it still is. */
  change(update) {
    const atEnd = this.#atEnd();
    update();
    if (atEnd) this.#scrollToEnd();
  }

  /** Makes screen readers read new messages from now on. */
  announceNewMessages() {
    this.#list.setAttribute("aria-live", "polite");
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  #scrollToEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#setUnseen(0);
  }

  #setUnseen(n) {
    this.#unseen = n;
    this.#button.hidden = n === 0;
    this.#button.textContent = fill(words.newer, { n });
  }
}
