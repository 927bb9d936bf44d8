// Shows the state of a lane in words: connected, or away, for how long and why.

import { setText } from "../elements.js";
import { fill } from "../format.js";
import { common } from "../page_data.js";

const REFRESH_MS = 250;

/**
 * Keeps showing the state of the lane that `currentLane()` returns, in an element of class `state`.
 * Returns a function that shows it at once.
 */
export function showLaneState(element, currentLane) {
  const show = () => showState(element, currentLane() ?? { state: "starting" });
  show();
  setInterval(show, REFRESH_MS);
  return show;
}

function showState(element, { state, since, closed }) {
  const away = state === "away";
  const seconds = Math.floor((performance.now() - since) / 1000);
  setText(element, away ? fill(common.state.away_since, { seconds }) : common.state[state]);
  element.dataset.state = state;
  element.title = away ? fill(common.why[closed.why], { status: closed.status }) : "";
}
