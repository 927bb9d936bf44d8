// The lanes of the page: their subscriptions, their units, and what these add up to.

import { settings } from "../../demo_controls.js";
import { byId, make, makeMark } from "../../elements.js";
import { common, transports } from "../../page_data.js";
import { localTime } from "../../server/clock.js";
import { laneTag } from "../../server/tab.js";
import { subscribe } from "../../transport/mod.js";
import { CATEGORIES } from "../../wire/unit.js";

/** The number of units that a lane keeps. */
const MAX_UNITS = 300;

const CLOSE = 8;

const zeroTotal = () => ({ units: 0, messages: 0, head: 0, framing: 0, message: 0 });

/** Makes a lane for each transport, and the check boxes that start and stop them. */
export function makeLanes(timeline) {
  const lanes = transports.map((transport) => new WireLane(transport, timeline));
  for (const lane of lanes) {
    const box = make("input", { type: "checkbox", name: lane.name });
    box.checked = true;
    box.addEventListener("change", () => (box.checked ? lane.start() : lane.stop()));
    byId("lanes").append(makeLaneChoice(box, lane));
  }
  return lanes;
}

/** Makes the label of a check box or radio button for a lane. */
export function makeLaneChoice(input, lane) {
  return make("label", { "data-transport": lane.name }, input, makeMark(), " ", lane.title);
}

export class WireLane {
  units = [];
  total = zeroTotal();

  #timeline;
  #subscription;
  /**
   * What is open on the timeline, by connection: a request that waits, a stream or a socket. While
   * a session of Socket.IO changes over, it has both.
   */
  #open = new Map();

  constructor({ name, variable }, timeline) {
    this.name = name;
    this.title = common.transport[name];
    this.color = variable;
    this.#timeline = timeline;
  }

  static of(lanes, name) {
    return lanes.find((lane) => lane.name === name);
  }

  get isRunning() {
    return this.#subscription !== undefined;
  }

  get isShown() {
    return this.isRunning || this.units.length > 0;
  }

  start() {
    const options = {
      lane: laneTag(this.name),
      interval: () => settings.interval_ms,
      hold: () => settings.hold_ms / 1000,
    };
    this.#subscription = subscribe(this.name, "demo", options, ({ kind }) => {
      if (kind === "closed") this.#closeAll();
    });
  }

  stop() {
    this.#subscription?.stop();
    this.#subscription = undefined;
    this.#closeAll();
  }

  /** Adds a unit that crossed in this lane. */
  add(unit) {
    unit.at = localTime(unit.at_ns);
    this.units.push(unit);
    if (this.units.length > MAX_UNITS) this.units.shift();
    this.total.units += 1;
    this.total.messages += unit.messages?.length ?? 0;
    for (const category of CATEGORIES) this.total[category] += unit.sizes[category];
    this.#timeline.add(unit);
    this.#noteOpenOrClosed(unit);
  }

  /** Drops the units. What is open on the cleared timeline stays open. */
  clear() {
    this.units = [];
    this.total = zeroTotal();
    for (const connection of this.#open.keys()) this.#noteOpen(connection, performance.now());
  }

  /** A request opens what its response closes, unless the response is a stream. */
  #noteOpenOrClosed(unit) {
    const { connection } = unit;
    if (unit.kind === "request") {
      this.#close(connection, unit.at);
      if (this.isRunning) this.#noteOpen(connection, unit.at);
      return;
    }
    const answered = unit.kind === "response" && !unit.streams;
    const ended = unit.frame?.opcode === CLOSE || unit.fields?.includes("end");
    if (answered || ended) this.#close(connection, unit.at);
  }

  #noteOpen(connection, at) {
    this.#open.set(connection, this.#timeline.addOpenTime(this.name, at));
  }

  #close(connection, at) {
    const open = this.#open.get(connection);
    if (open) open.to = at;
    this.#open.delete(connection);
  }

  #closeAll() {
    for (const connection of this.#open.keys()) this.#close(connection, performance.now());
  }
}
