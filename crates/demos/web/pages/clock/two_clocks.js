// Two clocks: the server's, and the one that is as late as the messages of this page.
//
// 25 ms are a seventh of a degree on a clock. So the delay is enlarged by a power of ten, and the page
// says by how much.

import { byId, setText } from "../../elements.js";
import { count, duration, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { mean } from "../../statistics.js";
import { ClockFace } from "./face.js";

/** The longest lag that is shown: a quarter of a turn of the second hand. */
const MAX_LAG_S = 15;
const FACTORS = [1000, 100, 10, 1];

/** The number of messages whose mean delay is shown. */
const MESSAGES = 10;

/** Returns the largest factor by which a delay in ms can be enlarged. */
export const enlargement = (delay_ms) =>
  FACTORS.find((factor) => (delay_ms / 1000) * factor <= MAX_LAG_S) ?? 1;

export class TwoClocks {
  #server = new ClockFace(byId("face-server"), words.faces.server);
  #received = new ClockFace(byId("face-received"), words.faces.received);
  #delays = [];
  /** The time of the day at performance.now() = 0 in the reader's time zone, in seconds. */
  #midnight_s;

  start() {
    // Somebody who wants less motion sees both clocks tick once a second.
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const tick = () => {
      this.#show();
      if (calm.matches) setTimeout(tick, 1000);
      else requestAnimationFrame(tick);
    };
    tick();
  }

  /** Forgets the delays of another transport. */
  reset() {
    this.#delays = [];
  }

  /** Notes the time that a message names, and how late it was. */
  receive(time, delay_ms, at) {
    const seconds = time.getHours() * 3600 + time.getMinutes() * 60 + time.getSeconds();
    this.#midnight_s = seconds + delay_ms / 1000 - at / 1000;
    this.#delays.push(delay_ms);
    if (this.#delays.length > MESSAGES) this.#delays.shift();
  }

  #show() {
    if (this.#midnight_s === undefined) return;
    const now_s = this.#midnight_s + performance.now() / 1000;
    this.#server.show(now_s);
    const delay_ms = mean(this.#delays);
    if (delay_ms === undefined) {
      this.#received.hide();
      setText(byId("enlarged"), words.faces.waiting);
      return;
    }
    const factor = enlargement(delay_ms);
    const lag_s = (delay_ms / 1000) * factor;
    this.#received.show(now_s, lag_s);
    const values = {
      delay: duration(delay_ms),
      factor: count(factor),
      lag: duration(lag_s * 1000),
    };
    setText(byId("enlarged"), fill(factor === 1 ? words.faces.real : words.faces.enlarged, values));
  }
}
