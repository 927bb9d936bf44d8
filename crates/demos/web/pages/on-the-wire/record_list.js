// The list of units, newest first, and the choice of the lane that it shows.

import { byId, make, makeMark } from "../../elements.js";
import { bytes, fill } from "../../format.js";
import { words } from "../../page_data.js";
import { makeLaneChoice, WireLane } from "./lanes.js";
import { kindText, summaryText, timeText } from "./unit_text.js";

const MAX_LINES = 150;

const ALL = "all";

export class RecordList {
  #lanes;
  #onSelect;
  #list = byId("records");
  #shown = ALL;
  #selected;
  /** The unit of each line. Lines stay where they are, so that the focus does not move. */
  #unitOf = new WeakMap();

  constructor(lanes, onSelect) {
    this.#lanes = lanes;
    this.#onSelect = onSelect;
    const all = make("label", {}, this.#makeRadio(ALL), words.all_lanes);
    const choices = lanes.map((lane) => makeLaneChoice(this.#makeRadio(lane.name), lane));
    byId("shown").append(all, ...choices);
  }

  /** Adds the units that came since the last update. */
  update() {
    const list = this.#list;
    const newest = list.firstChild ? this.#unitOf.get(list.firstChild).n : 0;
    const lanes = this.#shown === ALL ? this.#lanes : [WireLane.of(this.#lanes, this.#shown)];
    const fresh = lanes.flatMap(({ units }) => units).filter(({ n }) => n > newest);
    fresh.sort((one, other) => one.n - other.n);
    // If the reader has scrolled down, the lines that they see stay in place.
    const { scrollTop, scrollHeight } = list;
    for (const unit of fresh.slice(-MAX_LINES)) list.prepend(this.#makeLine(unit));
    while (list.children.length > MAX_LINES) list.lastChild.remove();
    if (scrollTop > 0) list.scrollTop = scrollTop + list.scrollHeight - scrollHeight;
    byId("no-records").hidden = list.children.length > 0;
  }

  clear() {
    this.#list.replaceChildren();
  }

  select(unit) {
    this.#selected = unit;
    for (const item of this.#list.children) {
      const button = item.firstChild;
      if (this.#unitOf.get(item) === unit) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  #makeRadio(value) {
    const radio = make("input", { type: "radio", name: "shown", value });
    radio.checked = value === this.#shown;
    radio.addEventListener("change", () => {
      this.#shown = value;
      this.clear();
      this.update();
    });
    return radio;
  }

  #makeLine(unit) {
    const { title } = WireLane.of(this.#lanes, unit.lane);
    const direction = words.direction[unit.direction];
    const cell = (className, text) => make("span", { className }, text);
    const arrow = cell("record-arrow", unit.direction === "in" ? "↑" : "↓");
    arrow.setAttribute("aria-hidden", "true");
    const button = make(
      "button",
      {
        type: "button",
        "data-transport": unit.lane,
        "data-kind": unit.kind,
        "data-direction": unit.direction,
      },
      makeMark(),
      arrow,
      cell("hidden", fill(words.line_label, { lane: title, direction })),
      cell("record-time", timeText(unit)),
      cell("record-kind", kindText(unit)),
      cell("record-summary", summaryText(unit)),
      cell("record-size", bytes(unit.length)),
    );
    if (unit === this.#selected) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => this.#onSelect(unit));
    const item = make("li", {}, button);
    this.#unitOf.set(item, unit);
    return item;
  }
}
