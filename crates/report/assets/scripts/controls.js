// The controls, which choose what the charts show.

/** What has to be rebuilt when the colours (`themed`) or a setting (`dependent`) change. */
const themed = [];
const dependent = [];
function following(make) {
  const place = h("div", {}, make());
  dependent.push(() => place.replaceChildren(...[make()].flat()));
  return place;
}

function changed() {
  for (const make of dependent) make();
  drawAll();
}

function controls(which) {
  const selects = which.map((name) => {
    const values = distinct(lines.map((line) => line.settings[name]));
    const select = h("select", { id: `setting-${name}`, onchange: () => { state.setting[name] = values[select.selectedIndex]; changed(); } },
      values.map((v) => h("option", { selected: v === state.setting[name] }, settingValue(name, v))));
    return h("label", { for: `setting-${name}` }, settingName(name), select);
  });
  const chips = h("fieldset", { class: "chips" }, h("legend", {}, "Shown"), h("div", {}, kinds.map((line) => {
    const kind = lineKind(line);
    const box = h("input", { type: "checkbox", checked: true, onchange: () => {
      if (box.checked) state.hidden.delete(kind); else state.hidden.add(kind);
      drawAll();
    } });
    const chip = h("label", {}, box, sample(line), h("span", {}, lineName(line)));
    themed.push(() => chip.replaceChild(sample(line), chip.querySelector("svg")));
    return chip;
  })));
  return h("form", { class: "controls", "aria-label": "What the charts show", onsubmit: (event) => event.preventDefault() }, selects, chips);
}
