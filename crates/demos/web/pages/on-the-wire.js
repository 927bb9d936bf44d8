// On the wire: what crosses the socket in each lane, as a timeline, as a list, and byte by byte.

import { anatomy } from "../anatomy.js";
import { decoder } from "../bytes.js";
import { controls, setting } from "../controls.js";
import { Refused, get, lane as tag, tab } from "../server.js";
import { local_ms, ready } from "../server_clock.js";
import { timeline } from "../timeline.js";
import { subscribe, transports } from "../transport/mod.js";
import { bytes, common, count, fill, seconds, words } from "../words.js";

/** Units that are kept of each lane, and lines in the list. */
const KEPT = 300;
const LISTED = 150;
const ASK_MS = 500;

const element = (id) => document.getElementById(id);
const began = performance.now();

/** A lane's subscription while it runs, its units, and what they add up to. */
const lanes = transports.map((name) => ({
  name,
  title: common.transport[name],
  color: `--${name}`,
  subscription: undefined,
  units: [],
  total: nothing(),
  // What is open on the timeline: a request that waits, a stream, a socket.
  wait: undefined,
}));
const laneOf = (name) => lanes.find((lane) => lane.name === name);

function nothing() {
  return { units: 0, messages: 0, head: 0, framing: 0, message: 0 };
}

let shown = "all";
let frozen;
let selected;

controls();

// ---- Running the lanes

for (const lane of lanes) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = lane.name;
  box.checked = true;
  box.addEventListener("change", () => (box.checked ? start(lane) : stop(lane)));
  element("lanes").append(choice(box, lane));
}

function choice(input, lane) {
  const label = document.createElement("label");
  const mark = document.createElement("span");
  mark.className = "mark";
  if (lane) label.dataset.transport = lane.name;
  label.append(input, ...(lane ? [mark, " "] : []), lane?.title ?? words.all_lanes);
  return label;
}

function start(lane) {
  lane.subscription = subscribe(
    lane.name,
    "demo",
    { lane: tag(lane.name), interval: () => setting.interval_ms, hold: () => setting.hold_ms / 1000 },
    (event) => event.kind === "closed" && close(lane, performance.now()),
  );
}

function stop(lane) {
  lane.subscription?.stop();
  lane.subscription = undefined;
  close(lane, performance.now());
}

function close(lane, at) {
  if (lane.wait) lane.wait.to = at;
  lane.wait = undefined;
}

// ---- Asking for what was recorded

const decode = decoder();
let after = 0;
let lost = 0;

async function ask() {
  let more = false;
  try {
    const { next, dropped, records } = await get(`/demo/wire/${tab}?after=${after}`);
    if (dropped > 0 && after > 0) {
      lost += dropped;
      decode.forget();
      say(fill(words.dropped, { n: lost }));
    }
    // A server that began anew counts records, and connections, from one.
    if (next < after || (records[0] && records[0].n <= after)) decode.forget();
    after = next;
    more = records.length >= 250;
    for (const record of records) for (const unit of decode.enter(record)) enter(unit);
    if (records.length > 0) showList();
    showTotals();
  } catch (error) {
    if (error instanceof Refused && error.status === 503) say(words.busy);
    // Otherwise the server is away, and the line at the top of the page says so.
  }
  setTimeout(ask, more ? 0 : ASK_MS);
}

function say(sentence) {
  element("dropped").textContent = sentence;
  element("dropped").hidden = false;
}

function enter(unit) {
  const lane = laneOf(unit.lane);
  if (!lane) return;
  unit.at = local_ms(unit.at_ns);
  lane.units.push(unit);
  if (lane.units.length > KEPT) lane.units.shift();
  lane.total.units += 1;
  lane.total.messages += unit.messages?.length ?? 0;
  for (const category of ["head", "framing", "message"]) lane.total[category] += unit.sizes[category];
  picture.add(unit);
  follow(lane, unit);
}

/** A request opens what its answer closes, unless the answer is a stream. */
function follow(lane, unit) {
  if (unit.kind === "request") {
    close(lane, unit.at);
    if (lane.subscription) lane.wait = picture.wait(lane.name, unit.at);
  } else if (unit.kind === "response" && !unit.streams) {
    close(lane, unit.at);
  } else if (unit.frame?.opcode === 8 || unit.fields?.includes("end")) {
    close(lane, unit.at);
  }
}

// ---- The timeline

const picture = timeline(element("timeline"), {
  rows: () => lanes.filter((lane) => lane.subscription || lane.units.length > 0),
  span: () => Number(element("span").value),
  now: () => frozen ?? performance.now(),
  label() {
    const running = lanes.filter((lane) => lane.subscription).map(({ title }) => title);
    return fill(words.timeline, { lanes: running.join(", ") });
  },
  words: {
    up: words.timeline_up,
    down: words.timeline_down,
    highest: (size) => fill(words.timeline_highest, { size }),
  },
  on: select,
});
element("span").addEventListener("change", () => picture.redraw());

element("hold-still").addEventListener("click", () => {
  frozen = frozen === undefined ? performance.now() : undefined;
  const button = element("hold-still");
  button.setAttribute("aria-pressed", String(frozen !== undefined));
  showList();
  picture.redraw();
});

element("clear").addEventListener("click", () => {
  for (const lane of lanes) {
    lane.units = [];
    lane.total = nothing();
  }
  lost = 0;
  element("dropped").hidden = true;
  picture.clear();
  // What is open goes on being open.
  for (const lane of lanes) if (lane.wait) lane.wait = picture.wait(lane.name, performance.now());
  element("records").replaceChildren();
  showList();
  showTotals();
});

// ---- The list

for (const name of ["all", ...transports]) {
  const radio = document.createElement("input");
  radio.type = "radio";
  radio.name = "shown";
  radio.value = name;
  radio.checked = name === shown;
  radio.addEventListener("change", () => {
    shown = name;
    element("records").replaceChildren();
    showList();
  });
  element("shown").append(choice(radio, laneOf(name)));
}

// Which units have a line, by the line: lines stay where they are, so that focus does not jump.
const unitOf = new WeakMap();

function showList() {
  const list = element("records");
  if (frozen !== undefined) return;
  const newest = list.firstChild ? unitOf.get(list.firstChild).n : 0;
  const from = shown === "all" ? lanes : [laneOf(shown)];
  const fresh = from.flatMap(({ units }) => units).filter(({ n }) => n > newest);
  fresh.sort((one, other) => one.n - other.n);
  // The reader who scrolled down to look at something keeps it under the eyes.
  const { scrollTop, scrollHeight } = list;
  for (const unit of fresh.slice(-LISTED)) list.prepend(line(unit));
  while (list.children.length > LISTED) list.lastChild.remove();
  if (scrollTop > 0) list.scrollTop = scrollTop + list.scrollHeight - scrollHeight;
  element("no-records").hidden = list.children.length > 0;
}

function line(unit) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.transport = unit.lane;
  button.dataset.kind = unit.kind;
  button.dataset.direction = unit.direction;
  const cell = (name, text) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    return span;
  };
  const mark = cell("mark", "");
  const arrow = cell("record-arrow", unit.direction === "in" ? "↑" : "↓");
  mark.setAttribute("aria-hidden", "true");
  arrow.setAttribute("aria-hidden", "true");
  const direction = cell("hidden", `${laneOf(unit.lane).title}, ${words.direction[unit.direction]}: `);
  button.append(
    mark,
    arrow,
    direction,
    cell("record-time", time(unit)),
    cell("record-kind", words.kind[kind(unit)]),
    cell("record-summary", summary(unit)),
    cell("record-size", bytes(unit.length)),
  );
  if (unit === selected) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => select(unit));
  item.append(button);
  unitOf.set(item, unit);
  return item;
}

const time = ({ at }) => seconds((at - began) / 1000, 3);

const kind = (unit) => (unit.kind === "response" && unit.streams ? "response_stream" : unit.kind);

function summary({ kind: what, method, target, status, streams, messages, fields, frame, says }) {
  if (what === "request") return `${method} ${target}`;
  if (what === "bytes") return words.summary.unknown;
  const opcode = frame && frame.opcode !== 1 ? words.opcode[frame.name] : "";
  if (opcode) return opcode;
  const said = describe();
  return status ? `${status}, ${said}` : said;

  function describe() {
    if (status === 101) return words.summary.upgrade;
    if (streams) return words.summary.begins;
    if (messages?.length > 0) {
      return fill(words.summary.messages, { n: messages.length, first: messages[0], last: messages.at(-1) });
    }
    if (fields?.includes("event") || says?.includes('"gap"')) return words.summary.gap;
    if (fields?.includes("retry")) return words.summary.opening;
    if (fields?.includes("comment")) return words.summary.comment;
    if (fields?.includes("end")) return words.summary.end;
    if (says?.startsWith('{"hello"')) return words.summary.hello;
    return words.summary.nothing;
  }
}

// ---- The bytes

function select(unit) {
  selected = unit;
  picture.select(unit);
  for (const item of element("records").children) {
    const current = unitOf.get(item) === unit;
    item.firstChild.toggleAttribute("aria-current", current);
    if (current) item.firstChild.setAttribute("aria-current", "true");
  }
  const lane = laneOf(unit.lane);
  element("detail").dataset.transport = unit.lane;
  element("detail-title").textContent = fill(words.detail_title, {
    kind: words.kind[kind(unit)],
    summary: summary(unit),
  });
  const about = fill(words.detail_about, {
    lane: lane.title,
    direction: words.direction[unit.direction],
    connection: unit.connection,
    time: time(unit),
    size: bytes(unit.length),
    message: bytes(unit.sizes.message),
  });
  const same = unit.rows.filter((row) => row.same).reduce((sum, { from, to }) => sum + to - from, 0);
  element("detail-about").textContent =
    same > 0 ? `${about} ${fill(words.repeated, { size: bytes(same) })}` : about;
  element("detail-body").replaceChildren(anatomy(unit));
  // On a phone the bytes are below the list: go there. Beside it, the list keeps the focus.
  const below = element("detail").offsetTop > element("records").offsetTop + element("records").offsetHeight;
  if (below) element("detail").focus();
}

// ---- Totals

const totalRows = new Map(lanes.map((lane) => [lane, totalRow(lane)]));

function totalRow(lane) {
  const row = element("totals").tBodies[0].insertRow();
  row.dataset.lane = row.dataset.transport = lane.name;
  const head = document.createElement("th");
  head.scope = "row";
  const mark = document.createElement("span");
  mark.className = "mark";
  head.append(mark, " ", lane.title);
  row.append(head);
  const cells = {};
  for (const name of ["units", "messages", "head", "framing", "message", "ratio"]) {
    cells[name] = row.insertCell();
    cells[name].className = "number";
    cells[name].dataset.total = name;
  }
  const bar = document.createElement("div");
  bar.className = "shares";
  cells.shares = {};
  for (const name of ["head", "framing", "message"]) {
    const share = document.createElement("span");
    share.className = `share ${name}`;
    bar.append(share);
    cells.shares[name] = share;
  }
  row.insertCell().append(bar);
  return cells;
}

function showTotals() {
  for (const [{ total }, cells] of totalRows) {
    const all = total.head + total.framing + total.message;
    cells.units.textContent = count(total.units);
    cells.messages.textContent = count(total.messages);
    for (const name of ["head", "framing", "message"]) {
      cells[name].textContent = bytes(total[name]);
      cells.shares[name].style.flexGrow = all > 0 ? total[name] / all : 0;
    }
    cells.ratio.textContent = total.message > 0 ? count(all / total.message, 2) : common.absent;
  }
}

// The tap records only while somebody asks, and the first request is worth seeing: ask before subscribing.
await ready;
await ask();
for (const lane of lanes) start(lane);
