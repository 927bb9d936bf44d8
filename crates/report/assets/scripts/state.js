// What the page shows at the moment.

const state = {
  /** The value that is shown, for each setting that varies. */
  setting: {},
  hidden: new Set(),
  /** The setting that growth is drawn over. */
  against: null,
  /** True while the page is printed, in light colours. */
  printing: false,
};
const charts = [];
const latest = Math.max(...data.sources.map((_, at) => at), 0);

const matches = (line, except) =>
  shared.every((name) => name === except || line.settings[name] === state.setting[name]);
const visible = (line) => !state.hidden.has(lineKind(line));
const shownLines = () => lines.filter((line) => matches(line) && visible(line));

/** Chooses the largest value of each setting at which most lines have a usable run. */
function choose() {
  const at = (name, v) => lines.filter((line) => line.settings[name] === v && line.usable).length;
  for (const name of shared) {
    const values = distinct(lines.map((line) => line.settings[name]));
    const most = Math.max(...values.map((v) => at(name, v)));
    state.setting[name] = values.findLast((v) => at(name, v) === most) ?? values.at(-1);
  }
  const valuesOf = (name) => lines.map((line) => line.settings[name]).filter((v) => v !== null);
  state.sweeps = varying.filter((name) => valuesOf(name).every((v) => typeof v === "number"))
    .map((name) => [name, distinct(valuesOf(name))])
    .filter(([, values]) => values.length > 1)
    .sort((a, b) => b[1].length - a[1].length);
  state.against = state.sweeps[0]?.[0] ?? null;
}
