// Unread badge: the same count, asked for every few seconds and pushed.

import { watchAccounts } from "../accounts.js";
import { apart } from "../apart.js";
import { lane as subscribeLane } from "../lane.js";
import { FEWEST, observed } from "../observed.js";
import { refusal } from "../refusal.js";
import { lane as tag, post } from "../server.js";
import { local_ms, ready } from "../server_clock.js";
import { slider } from "../slider.js";
import { standing } from "../standing.js";
import { briefly, bytes, common, count, duration, fill, percent, seconds, words } from "../words.js";

/** The mean time between two changes, as the server draws it. */
const SPACING_MS = 15_000;

const element = (id) => document.getElementById(id);
let interval_ms = 10_000;

// The newest change that either side knows, to say of the other that it is out of date.
let newest;

await ready;
const badges = [badge("polled", "short-polling"), badge("pushed", "sse")];

function badge(way, transport) {
  const root = document.querySelector(`[data-badge="${way}"]`);
  const view = {
    polls: transport === "short-polling",
    name: `badge-${way}`,
    part: (key) => root.querySelector(`[data-part="${key}"]`),
    counted: (key) => root.querySelector(`[data-count="${key}"]`),
    shown: undefined,
    counts: zero(),
    bytes_before: 0,
    bytes: undefined,
  };
  const options = { after: "start", lane: tag(view.name), interval: () => interval_ms };
  // What was published before now is shown and not counted: nobody was waiting for it here.
  const begun = performance.now();
  const lane = subscribeLane(transport, "inbox", options, (event, account) => follow(view, event, account, begun));
  standing(root.querySelector(".state"), () => lane);
  return view;
}

function zero() {
  return { requests: 0, empty: 0, ages: [] };
}

function follow(view, event, account, begun) {
  const { counts } = view;
  if (event.kind === "request") counts.requests += 1;
  if (event.kind === "connected" && !view.polls) counts.requests += 1;
  if (event.kind === "empty") counts.empty += 1;
  if (event.kind === "received") {
    const { payload, published_ns } = event.message;
    view.shown = { unread: payload.unread, published_ns };
    if (!newest || newest.published_ns < published_ns) newest = view.shown;
    // What came while the lane was away is late for another reason.
    const { published_at, recovered } = account.messages.at(-1);
    if (published_at > begun && !recovered) counts.ages.push(event.at - published_at);
    show();
  }
}

function show() {
  for (const view of badges) {
    const { shown, counts, part, counted } = view;
    part("unread").textContent = shown ? count(shown.unread) : common.absent;
    part("unread-words").textContent = shown ? fill(words.unread, { n: shown.unread }) : "";
    part("count").toggleAttribute("data-none", shown?.unread === 0);

    const stale = shown && newest.published_ns > shown.published_ns;
    part("fresh").toggleAttribute("data-stale", Boolean(stale));
    part("fresh").textContent = shown ? (stale ? outOfDate() : words.fresh) : "";

    counted("requests").textContent = String(counts.requests);
    counted("empty").textContent = String(counts.empty);
    counted("received").textContent = String(counts.ages.length);
    part("bytes").textContent = bytes(view.bytes === undefined ? undefined : view.bytes - view.bytes_before);

    const { n, mean, least, most } = observed(counts.ages);
    part("mean-predicted").textContent = view.polls ? duration(interval_ms / 2) : duration(0);
    part("mean-observed").textContent = apart(mean);
    part("spread-predicted").textContent = view.polls
      ? fill(words.range, { least: "0", most: briefly(interval_ms) })
      : duration(0);
    const range = fill(words.range_of, { n: count(n), least: apart(least), most: apart(most) });
    part("spread-observed").textContent = mean === undefined ? fill(words.too_few, { n: count(n) }) : range;
    part("last").textContent = apart(counts.ages.at(-1));
    part("empty-predicted").textContent = percent(view.polls ? Math.exp(-interval_ms / SPACING_MS) : 0);
    // One request for all is not a sample; of polls a few are none either.
    const enough = view.polls && counts.requests >= FEWEST;
    part("empty-observed").textContent = percent(enough ? counts.empty / counts.requests : undefined);
  }
}

function outOfDate() {
  const since = Math.max(0, performance.now() - local_ms(newest.published_ns));
  return fill(words.stale, { duration: seconds(since / 1000, 1), n: count(newest.unread) });
}

function startOver() {
  for (const view of badges) {
    view.counts = zero();
    view.bytes_before = view.bytes ?? 0;
  }
  show();
}

watchAccounts((counts) => {
  for (const view of badges) {
    const said = counts(view.name);
    if (said) view.bytes = said.bytes_in + said.bytes_out;
  }
});

slider(element("interval"), {
  values: [1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000],
  value: interval_ms,
  format: briefly,
  on(ms) {
    interval_ms = ms;
    // What was observed under another interval says nothing about this one.
    startOver();
  },
});
element("zero").addEventListener("click", startOver);
element("read").addEventListener("click", async () => {
  try {
    await post("/demo/inbox/read", {});
    element("problem").textContent = "";
  } catch (error) {
    element("problem").textContent = fill(common.failed, { error: refusal(error) });
  }
});
setInterval(show, 200);
