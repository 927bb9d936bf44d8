// Values over the seconds of a run.

/** Up to so many seconds, each second of a run has a marker. */
const FEW_SECONDS = 12;

/** True if a value has none beside it: no line goes through it, so only a marker shows it. */
const isAlone = (values, at) =>
  isNumber(values[at]) && !isNumber(values[at - 1]) && !isNumber(values[at + 1]);

/** The values of a column of the timeline for each run of a line that has any. */
function seriesOf(line, name, divisor) {
  return line.runs.filter((run) => run.seconds).map((run) => ({
    run,
    seconds: run.seconds[secondAt.get("t_s")],
    values: run.seconds[secondAt.get(name)].map((v) => scaled(v, divisor)),
  })).filter(({ values }) => values.some(isNumber));
}

/** One run as a line of steps; thinner if it is `oneOfSeveral`. */
function secondsTrace(line, { run, seconds, values }, unit, oneOfSeveral) {
  const marked = values.map((_, at) => values.length <= FEW_SECONDS || isAlone(values, at));
  const style = trace([], [], line);
  return trace(seconds, values, line, {
    mode: marked.includes(true) ? "lines+markers" : "lines",
    opacity: oneOfSeveral ? 0.75 : 1,
    // A value is that of a whole second: a slope between two of them was not measured.
    line: { ...style.line, width: oneOfSeveral ? 1.25 : 2, shape: "hvh" },
    marker: {
      ...style.marker, size: symbolSize(look(line).symbol) - 2, opacity: marked.map((is) => (is ? 1 : 0)),
    },
    hovertemplate: `%{fullData.name}<br>run ${plain(value(run, "run_id") ?? "")}, second %{x}: %{y:.4~g} ${unit}<extra></extra>`,
  });
}

/** The instants of the faults of the runs that are drawn: a line for each, a band for an outage. A second
 * is drawn around its number, so it begins half a step before. */
function faultMarks(shown) {
  const all = shown.flatMap((line) => line.runs.flatMap((run) => run.faults));
  const faults = [...new Map(all.map((fault) => [JSON.stringify(fault), fault])).values()];
  const named = new Map(faults.map((fault) => [fault.what, fault]).reverse());
  const colour = css("--warn");
  const base = { yref: "paper", y0: 0, y1: 1, layer: "below" };
  return {
    shapes: faults.flatMap(({ from_s: from, to_s: to }) => [
      ...(isNumber(to) ? [{ ...base, type: "rect", x0: from - 0.5, x1: to - 0.5, fillcolor: colour, opacity: 0.12, line: { width: 0 } }] : []),
      { ...base, type: "line", x0: from - 0.5, x1: from - 0.5, line: { color: colour, width: 1.5, dash: "dot" } },
    ]),
    annotations: [...named.values()].map(({ from_s: from, what }) => ({
      x: from - 0.5, xanchor: "left", xshift: 3, yref: "paper", y: 1, yanchor: "bottom", text: plain(what),
      showarrow: false, font: { color: colour, size: 12 },
    })),
  };
}

/** A column of the timeline over the seconds of each run. */
const over = (name, { unit, divisor = 1, axis }) => (shown) => {
  const byLine = shown.map((line) => [line, seriesOf(line, name, divisor)])
    .filter(([, series]) => series.length > 0);
  if (byLine.length === 0) return nothing("Not measured at this setting.");
  const all = byLine.flatMap(([, series]) => series.flatMap(({ values }) => values.filter(isNumber)));
  const seconds = distinct(byLine.flatMap(([, series]) => series.flatMap((s) => s.seconds)));
  const marks = faultMarks(byLine.map(([line]) => line));
  const at = (series, second) => median(series.map((s) => s.values[s.seconds.indexOf(second)]));
  return {
    traces: byLine.flatMap(([line, series]) =>
      series.map((one) => secondsTrace(line, one, unit, series.length > 1))),
    layout: {
      height: 250, ...marks, margin: { t: marks.annotations.length > 0 ? 24 : 8 },
      xaxis: {
        ...AXIS_LABELS, title: { text: "second of the measured window" },
        // Few seconds are points with room beside them.
        ...(seconds.length <= FEW_SECONDS
          ? { dtick: 1, range: [seconds[0] - 0.5, seconds.at(-1) + 0.5] } : { nticks: 8, rangemode: "tozero" }),
      },
      yaxis: valueAxis(axis, all),
    },
    table: {
      head: ["second", ...byLine.map(([line]) => lineName(line))],
      rows: seconds.map((second) => [String(second), ...byLine.map(([, series]) => significantOrAbsent(at(series, second)))]),
    },
    summary: byLine.map(([line, series]) =>
      `${lineName(line)}: median ${significant(median(series.flatMap((s) => s.values)))} ${unit}`),
  };
};
