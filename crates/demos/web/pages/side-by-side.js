// Side by side: a lane for each transport on the feed `demo`, and what it costs.

import { chart } from "../chart.js";
import { controls, setting } from "../controls.js";
import { lane as subscribeLane } from "../lane.js";
import { observed } from "../observed.js";
import { get, lane as tag, tab } from "../server.js";
import { uncertainty_ms } from "../server_clock.js";
import { predict } from "../theory.js";
import { transports } from "../transport/mod.js";
import { bytes, common, count, duration, fill, percent, words } from "../words.js";

/** How far back the observed values look, and the charts. */
const WINDOW_MS = 30_000;
const LAST_MESSAGES = 5;

const element = (id) => document.getElementById(id);

// Since when the setting is what it is: what was observed under another is compared with nothing.
let settled_at = performance.now();
const settle = () => (settled_at = performance.now());
controls(settle);

// ---- The lanes

const views = transports.map(addLane);

function addLane(transport) {
  const root = element("lane").content.cloneNode(true).firstElementChild;
  const name = common.transport[transport];
  const part = (key) => root.querySelector(`[data-part="${key}"]`);
  root.dataset.lane = root.dataset.transport = transport;
  root.setAttribute("aria-label", name);
  part("name").textContent = name;
  element("lanes").append(root);

  const view = {
    transport,
    name,
    root,
    part,
    state: root.querySelector(".state"),
    reset: root.querySelector(".lane-reset"),
    counted: (key) => root.querySelector(`[data-count="${key}"]`),
    rows: Array.from({ length: LAST_MESSAGES }, () => addRow(root.querySelector(".lane-last tbody"))),
    server: serverAccount(),
    browser: { bytes: 0, answers: 0 },
    away: undefined,
  };
  view.chart = chart(root.querySelector(".chart-place"), {
    series: [{ key: "delay", name, color: "--lane", dots: true, line: false }],
    label: fill(words.lane.chart, { name }),
    span: WINDOW_MS,
    maximum: () => (element("same-scale").checked ? sharedMaximum() : ownMaximum(view)),
  });
  view.lane = subscribeLane(
    transport,
    "demo",
    { lane: tag(transport), interval: () => setting.interval_ms, hold: () => setting.hold_ms / 1000 },
    (event, lane) => follow(view, event, lane),
  );
  return view;
}

function addRow(body) {
  const row = body.insertRow();
  const [number, delay, age] = [row.insertCell(), row.insertCell(), row.insertCell()];
  delay.className = age.className = "number";
  return { number, delay, age };
}

function follow(view, event, lane) {
  if (event.kind === "received") {
    const message = lane.messages.at(-1);
    if (message?.delay_ms === undefined) return;
    view.chart.add("delay", message.published_at, message.delay_ms, { hollow: message.late });
  } else if (event.kind === "closed" && !view.away) {
    view.away = view.chart.shade(performance.now());
    announce(view, "away");
  } else if (event.kind === "connected" && view.away) {
    view.away.to = performance.now();
    view.away = undefined;
    announce(view, "connected");
  }
}

// One sentence for the lanes that changed together, rather than one on top of the other.
let changes = [];
function announce(view, state) {
  if (changes.length === 0) {
    setTimeout(() => {
      element("changes").textContent = changes.join(" ");
      changes = [];
    }, 700);
  }
  changes.push(fill(words.changed[state], { name: view.name }));
}

// A scale of at least 10 ms: below, it would show the noise of the browser's timers.
const ownMaximum = (view) => Math.max(10, view.chart.highest());
const sharedMaximum = () => Math.max(...views.map(ownMaximum));

// ---- What the server and the browser count

/** The server's counts of a lane, added up over its lives: after a restart it counts from zero. */
function serverAccount() {
  const names = ["requests", "empty", "connections", "bytes_in", "bytes_out"];
  const all = (value) => Object.fromEntries(names.map((name) => [name, value(name)]));
  let before = all(() => 0);
  let said;
  let zero = all(() => 0);
  // The total once a second, for what is observed over a window: { at, received, total }.
  let samples = [];
  const raw = () => said && all((name) => before[name] + said[name]);
  return {
    enter(counts, received) {
      const next = all((name) => counts?.[name] ?? 0);
      if (said || counts) said = next;
      if (!said) return;
      const at = performance.now();
      samples.push({ at, received, total: raw() });
      while (samples.length > 1 && samples[1].at < at - WINDOW_MS) samples.shift();
    },
    /** The server has begun anew: what it counts from here on comes on top. */
    begin() {
      before = raw() ?? before;
      if (said) said = all(() => 0);
    },
    /** Since the count was last set to zero; `undefined` while the server has said nothing. */
    total: () => said && all((name) => raw()[name] - zero[name]),
    /** What was added since `from`, and how many messages came meanwhile. */
    since(from) {
      const first = samples.find(({ at }) => at >= from);
      const last = samples.at(-1);
      if (!first || first === last) return undefined;
      const added = all((name) => last.total[name] - first.total[name]);
      return { ...added, received: last.received - first.received };
    },
    reset() {
      zero = raw() ?? zero;
      samples = [];
    },
  };
}

// The life of the server that the counts are of, and the one it is known to be in.
let known_life;
let life;
async function askForLanes() {
  try {
    // After a failure it may be another life of the server, which counts from zero.
    const now = life ?? (await get("/demo/state")).life;
    if (known_life && now !== known_life) for (const { server } of views) server.begin();
    known_life = life = now;
    const { lanes } = await get(`/demo/lanes/${tab}`);
    for (const view of views) {
      view.server.enter(lanes[view.transport], view.lane.counts.received);
    }
  } catch {
    // Away. The counts stay where they were; the line at the top of the page says why.
    life = undefined;
  }
  setTimeout(askForLanes, 1000);
}
askForLanes();

// The browser tells the size of an answer once it is complete, so a stream and a socket have none.
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const transport = new URL(entry.name).searchParams.get("lane")?.split(".")[1];
    const view = views.find((one) => one.transport === transport);
    if (!view || !transport.endsWith("-polling") || entry.transferSize === 0) continue;
    view.browser.bytes += entry.transferSize;
    view.browser.answers += 1;
  }
  // The observer has them; without this the browser's own list runs full.
  performance.clearResourceTimings();
}).observe({ type: "resource" });

// ---- Showing it

function show(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showLane(view) {
  const { lane, part } = view;
  const now = performance.now();
  showState(view, now);

  const last = lane.messages.at(-1);
  show(part("delay"), duration(last?.delay_ms));
  view.rows.forEach(({ number, delay, age }, back) => {
    const message = lane.messages.at(-1 - back);
    // Without a message, a space that keeps the row: nothing should jump when the first ones come.
    show(number, message ? `#${message.seq}` : "\u00a0");
    const shown = duration(message?.delay_ms);
    const marked = message?.recovered ? fill(words.lane.recovered_mark, { delay: shown }) : shown;
    show(delay, message ? marked : "");
    const since = message && count(Math.floor((now - message.at) / 1000));
    show(age, message ? fill(words.lane.ago, { seconds: since }) : "");
  });

  const { counts } = lane;
  show(view.counted("received"), String(counts.received));
  show(view.counted("recovered"), String(counts.recovered));
  show(view.counted("lost"), String(counts.lost));
  show(view.counted("lost-silently"), String(counts.lost_silently));
  view.counted("lost-silently").classList.toggle("alarm", counts.lost_silently > 0);
  view.reset.hidden = counts.resets === 0;
  if (counts.resets > 0) show(view.reset, fill(words.lane.reset, { n: counts.resets }));

  const total = view.server.total();
  for (const key of ["requests", "empty", "connections"]) {
    show(view.counted(key), total ? String(total[key]) : common.absent);
  }
  showComparison(view, now);
}

function showState({ lane, state }, now) {
  const { state: name, since, closed } = lane;
  state.dataset.state = name;
  const seconds = Math.floor((now - since) / 1000);
  show(state, name === "away" ? fill(common.state.away_since, { seconds }) : common.state[name]);
  state.title = name === "away" ? fill(common.why[closed.why], { status: closed.status }) : "";
}

function showComparison({ transport, lane, part, server, browser }, now) {
  const from = Math.max(settled_at, now - WINDOW_MS);
  const delays = lane.messages.filter(
    ({ at, published_at, late }) => at >= from && published_at >= from && !late,
  );
  const { mean } = observed(delays.map(({ delay_ms }) => delay_ms));
  const added = server.since(from);
  const per_message = (value) => (added?.received > 0 ? value / added.received : null);
  const law = predict(transport, setting);
  const polls = law.empty_ratio !== null || transport.endsWith("-polling");

  show(part("mean-predicted"), duration(law.mean_ms));
  show(part("mean-observed"), duration(mean));
  show(part("requests-predicted"), count(law.requests_per_message, 2));
  show(part("requests-observed"), count(per_message(added?.requests), 2));
  show(part("empty-predicted"), percent(law.empty_ratio));
  show(part("empty-observed"), percent(polls && added?.requests > 0 ? added.empty / added.requests : null));

  show(part("bytes-out"), bytes(rounded(per_message(added?.bytes_out))));
  show(part("bytes-in"), bytes(rounded(per_message(added?.bytes_in))));
  const counted = browser.answers > 0 && lane.counts.received > 0;
  show(part("bytes-browser"), bytes(counted ? Math.round(browser.bytes / lane.counts.received) : null));
}

const rounded = (value) => (value === null || value === undefined ? null : Math.round(value));

setInterval(() => {
  views.forEach(showLane);
  const uncertainty = uncertainty_ms();
  if (uncertainty !== undefined) {
    show(element("clock"), fill(words.clock, { uncertainty: `±${duration(uncertainty)}` }));
  }
}, 250);

// ---- Switches

element("zero").addEventListener("click", () => {
  settle();
  for (const { lane, server, browser } of views) {
    lane.reset();
    server.reset();
    browser.bytes = browser.answers = 0;
  }
});
element("same-scale").addEventListener("change", () => views.forEach(({ chart }) => chart.redraw()));
