// Delivery by percentile.

const MARKED = [[2, "p50"], [10, "p90"], [100, "p99"], [1e3, "p99.9"], [1e4, "p99.99"], [1e5, "p99.999"], [1e6, "p99.9999"]];
const OF_ROW = [[2, "delivery_p50_us"], [4, "delivery_p75_us"], [10, "delivery_p90_us"], [20, "delivery_p95_us"], [100, "delivery_p99_us"], [1000, "delivery_p999_us"]];

/** The delay in ms at 1 / (1 − p) for a run: a map, from its histogram or from its row. */
function curveOf(run) {
  if (run.curve) return new Map(run.curve.percentiles_us.map((us, at) => [data.percentile_axis[at], us / 1e3]));
  const found = OF_ROW.map(([fold, name]) => [fold, number(run, name)]).filter(([, us]) => us !== null);
  return new Map(found.map(([fold, us]) => [fold, us / 1e3]));
}

/** The point of a curve closest to 1 / (1 − p), if it goes so far. */
function near(curve, fold) {
  const key = [...curve.keys()].find((at) => Math.abs(Math.log10(at / fold)) < 0.02);
  return key === undefined ? null : curve.get(key);
}

const percentileText = (fold) => {
  const share = 100 * (1 - 1 / fold);
  return `p${Number(share.toFixed(Math.max(0, Math.ceil(Math.log10(fold)) - 1)))}`;
};

const PERCENTILE_HOVER = "%{fullData.name}<br>%{text}: %{y:.4~g} ms<extra></extra>";

/** The medians of a line's curves at each percentile that at least half of them reach. */
function middleCurve(curves) {
  const folds = distinct(curves.flatMap((curve) => [...curve.keys()]))
    .filter((fold) => curves.filter((curve) => curve.has(fold)).length * 2 > curves.length - 1);
  return { folds, middles: folds.map((fold) => median(curves.map((curve) => curve.get(fold)))) };
}

/** The marked percentiles of each run of a line. */
function percentilePoints(line, marked) {
  const [x, y, text] = [[], [], []];
  for (const [at, run] of line.runs.entries()) {
    const curve = curveOf(run);
    for (const [fold, name] of marked) {
      const found = near(curve, fold);
      if (found === null) continue;
      x.push(fold);
      y.push(found);
      text.push(`${name}, run ${plain(value(run, "run_id") ?? at + 1)}`);
    }
  }
  return points(x, y, line, { text, hovertemplate: PERCENTILE_HOVER });
}

/** The axis of percentiles, up to the furthest that is drawn. */
const percentileAxis = (furthest) => ({
  type: "log", range: [-0.03, Math.log10(furthest) + 0.08],
  tickvals: [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7],
  ticktext: ["0", "50", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"],
  title: { text: "percentile of deliveries" },
});

function percentiles(shown) {
  const traces = [];
  const rows = MARKED.map(([, name]) => [name]);
  const all = [];
  let furthest = 10;
  const measured = shown.filter((line) => line.runs.some((run) => curveOf(run).size > 0));
  if (measured.length === 0) return nothing("No delivery was measured at this setting.");
  for (const line of measured) {
    const curves = line.runs.map(curveOf).filter((curve) => curve.size > 0);
    const { folds, middles } = middleCurve(curves);
    furthest = Math.max(furthest, folds.at(-1));
    // Between the few percentiles of runs.csv nothing is known, so no line joins them.
    const known = line.runs.some((run) => run.curve);
    if (known) traces.push(trace(folds, middles, line, { text: folds.map(percentileText), hovertemplate: PERCENTILE_HOVER }));
    const marked = known ? MARKED : OF_ROW.map(([fold]) => [fold, percentileText(fold)]);
    const single = percentilePoints(line, marked);
    traces.push(single);
    all.push(...middles, ...single.y);
    for (const [at, row] of rows.entries()) {
      row.push(significantOrAbsent(median(curves.map((curve) => near(curve, MARKED[at][0])))));
    }
  }
  const fromRows = !measured.some((line) => line.runs.some((run) => run.curve));
  return {
    traces,
    layout: { height: 440, xaxis: percentileAxis(furthest), yaxis: valueAxis("delivery, ms", all) },
    note: fromRows ? "There is no histogram of these runs that their clocks allow to draw: only the percentiles of runs.csv are drawn." : null,
    table: { head: ["percentile, ms", ...measured.map(lineName)], rows: rows.filter((row) => row.slice(1).some((c) => c !== ABSENT)) },
    summary: measured.map((line) =>
      `${lineName(line)} p50 ${inMillis(middle(line, "delivery_p50_us"))}, p99 ${inMillis(middle(line, "delivery_p99_us"))} ms`),
  };
}
