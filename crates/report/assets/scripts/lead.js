// The first chart: the figure that answers the question.

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The settings that the charts show, in words. Without the setting that growth is drawn over. */
const settingWords = (except) => shared.filter((name) => name !== except)
  .map((name) => settingText(name, state.setting[name])).join(", ");

/** The figure as a metric of growth. */
const leadMetric = ({ name, title, unit, divisor }) => ({
  id: "lead", title, axis: unit || title, unit, take: (run) => scaled(number(run, name), divisor),
});

/** A bar for each line, low enough for the first screen. */
const leadBars = ({ name, title, unit, divisor }) => (shown) => ({
  ...bars(shown, {
    parts: [{ name: title, take: (run) => scaled(number(run, name), divisor), opacity: 1, pattern: "" }],
    total: (run) => scaled(number(run, name), divisor),
    unit: unit ? `${title}, ${unit}` : title, axis: unit || title, say: (v) => withUnit(significant(v), unit),
    absent: "Not measured at this setting.", row: 44,
  }),
});

/** Which line is which, above a chart that does not name them. */
function legend() {
  const list = h("p", { class: "legend" });
  const fill = () => list.replaceChildren(...kinds.map((line) => h("span", {}, sample(line), lineName(line))));
  themed.push(fill);
  fill();
  return list;
}

/** The chart that leads the page: growth in a sweep; with faults the deliveries of each second, unless
 * the scenario asks for another figure; otherwise bars. */
function leadChart() {
  if (data.view !== "run" || data.lead === null || lines.length === 0) return null;
  const { title, is_named: isNamed } = data.lead;
  if (state.against) {
    const name = `${capital(title)} over ${settingName(state.against)}`;
    const draw = (some) => {
      const drawn = growthOver(leadMetric(data.lead))(some);
      return drawn.absent ? drawn : { ...drawn, layout: { ...drawn.layout, height: 270 } };
    };
    return h("section", { id: "first", "aria-label": name }, chart("lead", name, legend(), draw, sweptLines));
  }
  if (!isNamed && runs.some((run) => run.faults.length > 0)) {
    return h("section", { id: "first", "aria-label": "Deliveries in each second" },
      chart("lead", "Deliveries in each second", legend(), over("received", { unit: "deliveries", axis: "per second" })));
  }
  return h("section", { id: "first", "aria-label": capital(title) },
    chart("lead", capital(title), null, leadBars(data.lead)));
}
