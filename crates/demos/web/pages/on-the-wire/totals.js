// The table of all bytes of each lane, by what they are for.

import { byId, make, makeMark } from "../../elements.js";
import { bytes, count } from "../../format.js";
import { common } from "../../page_data.js";
import { CATEGORIES } from "../../wire/unit.js";

export class Totals {
  #rows;

  constructor(lanes) {
    this.#rows = lanes.map((lane) => ({ lane, ...makeRow(lane) }));
  }

  show() {
    for (const { lane, cells, shares } of this.#rows) {
      const { total } = lane;
      const all = total.head + total.framing + total.message;
      cells.units.textContent = count(total.units);
      cells.messages.textContent = count(total.messages);
      for (const category of CATEGORIES) {
        cells[category].textContent = bytes(total[category]);
        shares[category].style.flexGrow = all > 0 ? total[category] / all : 0;
      }
      const ratio = total.message > 0 ? count(all / total.message, 2) : common.absent;
      cells.ratio.textContent = ratio;
    }
  }
}

function makeRow(lane) {
  const row = byId("totals").tBodies[0].insertRow();
  row.dataset.lane = row.dataset.transport = lane.name;
  row.append(make("th", { scope: "row" }, makeMark(), " ", lane.title));
  const cells = {};
  for (const name of ["units", "messages", ...CATEGORIES, "ratio"]) {
    cells[name] = row.insertCell();
    cells[name].className = "number";
    cells[name].dataset.total = name;
  }
  const share = (category) => [category, make("span", { className: `share ${category}` })];
  const shares = Object.fromEntries(CATEGORIES.map(share));
  row.insertCell().append(make("div", { className: "shares" }, ...Object.values(shares)));
  return { cells, shares };
}
