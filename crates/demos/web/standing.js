// Says of a lane, in words, whether it stands: connected, or away, since when and why.

import { common, fill } from "./words.js";

/**
 * Keeps `element` (class `state`) saying how the lane is that `current()` returns, and may change. Returns a
 * function that says it at once, for whoever has just changed the lane.
 */
export function standing(element, current) {
  function show() {
    const { state, since, closed } = current() ?? { state: "starting" };
    const seconds = Math.floor((performance.now() - since) / 1000);
    const text = state === "away" ? fill(common.state.away_since, { seconds }) : common.state[state];
    // Written only when it changes: a screen reader may be in the middle of it.
    if (element.textContent !== text) element.textContent = text;
    element.dataset.state = state;
    element.title = state === "away" ? fill(common.why[closed.why], { status: closed.status }) : "";
  }
  show();
  setInterval(show, 250);
  return show;
}
