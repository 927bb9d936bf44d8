// What each chart shows. Each returns its traces and layout for plotly.js, the same as a table, and
// a sentence of the main numbers for those who cannot see it; or, where nothing was measured, why.

/** From here on, the highest and the lowest are too far apart for an even axis. */
const WIDE = 10;

const positive = (values) => values.filter((v) => isNumber(v) && v > 0);
function spread(values) {
  const found = positive(values);
  return found.length > 0 ? Math.max(...found) / Math.min(...found) : 1;
}

/** Text as plotly.js takes it, which knows some markup. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const AXIS_LABELS = { exponentformat: "none", separatethousands: true };

/** A value axis; logarithmic where the values spread, with plain numbers at its ticks. */
function valueAxis(titleText, values, { zero = true } = {}) {
  const found = positive(values);
  if (found.length > 0 && values.every((v) => v !== 0) && spread(found) >= WIDE) {
    return { ...logTicks(Math.min(...found), Math.max(...found)), title: { text: titleText } };
  }
  return { ...AXIS_LABELS, title: { text: titleText }, rangemode: zero ? "tozero" : "normal", nticks: 6 };
}

/** Ticks at 1, 2 and 5, or at powers of ten where there are many. */
function logTicks(low, high, margin = 0.06) {
  const [from, to] = [Math.log10(low), Math.log10(high)];
  const pad = Math.max((to - from) * margin, 0.02);
  const steps = to - from > 2.6 ? [1] : [1, 2, 5];
  const tickvals = [];
  for (let decade = Math.floor(from) - 1; decade <= Math.ceil(to); decade += 1) {
    for (const step of steps) tickvals.push(Number(`${step}e${decade}`));
  }
  return {
    type: "log", range: [from - pad, to + pad], tickvals,
    ticktext: tickvals.map((v) => (v >= 1 ? grouped(String(v)) : String(v))),
  };
}

const line2 = (x, y, line, more = {}) => {
  const { colour, dash, symbol } = look(line);
  return {
    type: "scatter", x, y, mode: "lines", name: plain(lineName(line)), showlegend: false,
    line: { color: colour, dash, width: 2.25 }, marker: { color: colour, symbol, size: 7 },
    // A marker on the edge of the chart is drawn whole.
    connectgaps: false, cliponaxis: false, ...more,
  };
};

/** A triangle has half the area of a square as wide. */
const symbolSize = (symbol) => (symbol.startsWith("triangle") ? 10 : 8);

const points = (x, y, line, more = {}) => {
  const { colour, symbol } = look(line);
  return line2(x, y, line, {
    mode: "markers",
    marker: {
      color: colour, symbol: line.usable ? symbol : "x-thin", size: symbolSize(symbol), opacity: 0.9,
      line: { color: line.usable ? css("--paper") : colour, width: line.usable ? 0.5 : 2 },
    },
    ...more,
  });
};

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

const nothing = (what) => ({ absent: what });

function percentiles(shown) {
  const traces = [];
  const summary = [];
  const rows = MARKED.map(([, name]) => [name]);
  const all = [];
  let furthest = 10;
  const measured = shown.filter((line) => line.runs.some((run) => curveOf(run).size > 0));
  if (measured.length === 0) return nothing("No delivery was measured at this setting.");
  for (const line of measured) {
    const curves = line.runs.map(curveOf).filter((curve) => curve.size > 0);
    const folds = distinct(curves.flatMap((curve) => [...curve.keys()]))
      .filter((fold) => curves.filter((curve) => curve.has(fold)).length * 2 > curves.length - 1);
    const middles = folds.map((fold) => median(curves.map((curve) => curve.get(fold))));
    furthest = Math.max(furthest, folds.at(-1));
    all.push(...middles);
    // Between the few percentiles of runs.csv nothing is known, so no line joins them.
    const known = line.runs.some((run) => run.curve);
    if (known) traces.push(line2(folds, middles, line, {
      text: folds.map(percentileText),
      hovertemplate: "%{fullData.name}<br>%{text}: %{y:.4~g} ms<extra></extra>",
    }));
    const [x, y, text] = [[], [], []];
    const marked = known ? MARKED : OF_ROW.map(([fold]) => [fold, percentileText(fold)]);
    curves.forEach((curve, at) => marked.forEach(([fold, name]) => {
      const found = near(curve, fold);
      if (found === null) return;
      all.push(found);
      x.push(fold); y.push(found); text.push(`${name}, run ${plain(value(line.runs[at], "run_id") ?? at + 1)}`);
    }));
    traces.push(points(x, y, line, { text, hovertemplate: "%{fullData.name}<br>%{text}: %{y:.4~g} ms<extra></extra>" }));
    rows.forEach((row, at) => row.push(inMillis1(median(curves.map((curve) => near(curve, MARKED[at][0]))))));
    summary.push(`${lineName(line)} p50 ${inMillis(middle(line, "delivery_p50_us"))}, p99 ${inMillis(middle(line, "delivery_p99_us"))} ms`);
  }
  const ticks = [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7];
  const fromRows = !measured.some((line) => line.runs.some((run) => run.curve));
  return {
    traces,
    layout: {
      height: 440,
      xaxis: {
        type: "log", range: [-0.03, Math.log10(furthest) + 0.08], tickvals: ticks,
        ticktext: ["0", "50", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"],
        title: { text: "percentile of deliveries" },
      },
      yaxis: valueAxis("delivery, ms", all),
    },
    note: fromRows ? "There is no histogram of these runs: only the percentiles of runs.csv are drawn." : null,
    table: { head: ["percentile, ms", ...measured.map(lineName)], rows: rows.filter((row) => row.slice(1).some((c) => c !== ABSENT)) },
    summary,
  };
}

const inMillis1 = (millis) => (isNumber(millis) ? significant(millis) : ABSENT);

function distribution(shown) {
  const measured = shown.filter((line) => line.runs.some((run) => run.curve));
  if (measured.length === 0) return nothing("There is no histogram of these runs (latency.hlog), so no distribution.");
  const bins = measured.flatMap((line) => line.runs.flatMap((run) => (run.curve?.bins ?? []).map(([at]) => at)));
  // Plotly's own limits: a bin is never drawn narrower than a pixel or two.
  const [low, high] = [bins.reduce((a, b) => Math.min(a, b)), bins.reduce((a, b) => Math.max(a, b)) + 1];
  const merged = Math.max(1, Math.ceil((high - low) / 160));
  const edge = (at) => 10 ** (at / data.bins_per_decade) / 1e6;
  const wide = edge(high) / edge(low) >= WIDE;
  const traces = [];
  const layout = { height: 70 + 74 * measured.length, annotations: [], hovermode: "closest" };
  const rows = [];
  measured.forEach((line, place) => {
    const curves = line.runs.map((run) => run.curve).filter(Boolean);
    const shares = new Map();
    for (const { bins: held, count: total } of curves) {
      for (const [at, many] of held) {
        const bin = low + Math.floor((at - low) / merged) * merged;
        shares.set(bin, (shares.get(bin) ?? 0) + many / total / curves.length);
      }
    }
    const [x, y, text] = [[], [], []];
    for (let bin = low - merged; bin <= high; bin += merged) {
      x.push(edge(bin)); y.push(shares.get(bin) ?? 0);
      text.push(`${significant(edge(bin))}–${significant(edge(bin + merged))} ms: ${percent(shares.get(bin) ?? 0)}`);
    }
    // On an even axis, bins get wider to the right: their height is the share for each millisecond.
    const heights = wide ? y : y.map((share, at) => share / (edge(low - merged + (at + 1) * merged) - x[at]));
    const top = heights.reduce((a, b) => Math.max(a, b), 0);
    const axis = place === 0 ? "" : String(place + 1);
    const slot = 1 / measured.length;
    const from = 1 - (place + 1) * slot;
    layout[`yaxis${axis}`] = {
      domain: [from + slot * 0.02, from + slot * 0.72], range: [-top * 0.02, top * 1.04],
      showticklabels: false, showgrid: false, zeroline: false, fixedrange: true, ticks: "",
    };
    const { colour } = look(line);
    traces.push(line2(x, heights, line, {
      yaxis: `y${axis}`, text, hovertemplate: "%{fullData.name}<br>%{text}<extra></extra>",
      line: { color: colour, width: 1.25, shape: "hv" }, fill: "tozeroy", fillcolor: `${colour}40`,
    }));
    const medians = line.runs.map((run) => number(run, "delivery_p50_us")).filter(isNumber).map((us) => us / 1e3);
    traces.push(points(medians, medians.map(() => 0), line, {
      yaxis: `y${axis}`, cliponaxis: false, hovertemplate: "%{fullData.name}<br>p50 of a run: %{x:.4~g} ms<extra></extra>",
    }));
    layout.annotations.push({
      xref: "paper", yref: "paper", x: 0, y: from + slot * 0.98, xanchor: "left", yanchor: "top",
      text: plain(lineName(line)), showarrow: false, font: { color: css("--ink"), size: 13 },
    });
    const at = (share) => {
      let sum = 0;
      for (const [bin, part] of [...shares].sort((a, b) => a[0] - b[0])) {
        sum += part;
        if (sum >= share) return `${significant(edge(bin))}–${significant(edge(bin + merged))}`;
      }
      return ABSENT;
    };
    const mode = [...shares].sort((a, b) => b[1] - a[1])[0];
    rows.push([lineName(line), at(0.05), at(0.5), at(0.95), `${significant(edge(mode[0]))}–${significant(edge(mode[0] + merged))}`]);
  });
  const axis = wide ? logTicks(edge(low), edge(high), 0.02) : { ...AXIS_LABELS, nticks: 8 };
  layout.xaxis = { ...axis, title: { text: "delivery, ms" }, anchor: `y${measured.length === 1 ? "" : measured.length}` };
  return {
    traces, layout,
    note: wide ? "The axis is logarithmic: what is spread evenly over time rises towards the right." : null,
    table: { head: ["ms", "5 % below", "half below", "95 % below", "most common"], rows },
    summary: rows.map(([name, , half, , common]) => `${name}: half below ${half} ms, most commonly ${common} ms`),
  };
}

/** Up to here, each second of a run has a marker. */
const FEW_SECONDS = 12;

/** Whether a value has none beside it: no line goes through it, so that only a marker shows it. */
const isAlone = (values, at) =>
  isNumber(values[at]) && !isNumber(values[at - 1]) && !isNumber(values[at + 1]);

/** A column of the timeline over the seconds of each run. */
function over(name, { unit, divisor = 1, axis, derive }) {
  return (shown) => {
    const traces = [];
    const all = [];
    const byLine = [];
    for (const line of shown) {
      const series = line.runs.filter((run) => run.seconds).map((run) => {
        const seconds = run.seconds[secondAt.get("t_s")];
        const found = run.seconds[secondAt.get(name)].map((v) => (isNumber(v) ? v / divisor : null));
        return { run, seconds, values: derive ? derive(found) : found };
      }).filter(({ values }) => values.some(isNumber));
      series.forEach(({ run, seconds, values }) => {
        all.push(...values.filter(isNumber));
        const marked = values.map((_, at) => values.length <= FEW_SECONDS || isAlone(values, at));
        traces.push(line2(seconds, values, line, {
          mode: marked.includes(true) ? "lines+markers" : "lines",
          opacity: series.length > 1 ? 0.75 : 1,
          // A value is that of a whole second: a slope between two of them was not measured.
          line: { ...line2([], [], line).line, width: series.length > 1 ? 1.25 : 2, shape: "hvh" },
          marker: {
            ...line2([], [], line).marker, size: symbolSize(look(line).symbol) - 2,
            opacity: marked.map((is) => (is ? 1 : 0)),
          },
          hovertemplate: `%{fullData.name}<br>run ${plain(value(run, "run_id") ?? "")}, second %{x}: %{y:.4~g} ${unit}<extra></extra>`,
        }));
      });
      if (series.length > 0) byLine.push([line, series]);
    }
    if (traces.length === 0) return nothing("Not measured at this setting.");
    const seconds = distinct(byLine.flatMap(([, series]) => series.flatMap((s) => s.seconds)));
    const at = (series, second) => median(series.map((s) => s.values[s.seconds.indexOf(second)]));
    return {
      traces,
      layout: {
        height: 250,
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
        rows: seconds.map((second) => [String(second), ...byLine.map(([, series]) => {
          const found = at(series, second);
          return isNumber(found) ? significant(found) : ABSENT;
        })]),
      },
      summary: byLine.map(([line, series]) =>
        `${lineName(line)}: median ${significant(median(series.flatMap((s) => s.values)))} ${unit}`),
    };
  };
}

/** Bars, one for each line; `parts` are stacked, and the total of each run is a point. */
function bars(shown, { parts, total, unit, axis, say, label, absent }) {
  const measured = shown.filter((line) => line.runs.some((run) => isNumber(total(run))));
  if (measured.length === 0) return nothing(absent);
  const missing = shown.filter((line) => !measured.includes(line));
  const sums = measured.map((line) => median(line.runs.map(total)));
  const place = measured.map((_, at) => at);
  const traces = parts.flatMap(({ name, take, opacity, pattern }) => measured.map((line, at) => {
    const found = median(line.runs.map(take));
    return {
      type: "bar", orientation: "h", y: [at], x: [found], name, showlegend: false, width: 0.5,
      marker: {
        color: look(line).colour, opacity,
        pattern: { shape: pattern, fillmode: "overlay", size: 6, solidity: 0.35, fgcolor: css("--paper") },
        line: { color: css("--paper"), width: 1 },
      },
      customdata: [isNumber(found) ? say(found) : ABSENT],
      text: [plain(lineName(line))],
      textposition: "none",
      hovertemplate: `%{text}<br>${name}: %{customdata}<extra></extra>`,
    };
  }));
  measured.forEach((line, at) => {
    const found = line.runs.map(total).filter(isNumber);
    if (found.length < 2) return;
    traces.push(points(found, found.map((_, run) => at + 0.36 + (run % 2) * 0.06), line, {
      customdata: found.map(say), hovertemplate: "%{fullData.name}<br>one run: %{customdata}<extra></extra>",
    }));
  });
  const names = measured.map((line, at) => {
    const [first, ...rest] = lineParts(line).map(plain);
    return `${[first, ...rest].join(", ")}<br><b>${label ? label(line, sums[at]) : say(sums[at])}</b>`;
  });
  return {
    traces,
    layout: {
      height: 64 + 58 * measured.length, barmode: "stack", bargap: 0.5,
      xaxis: { ...AXIS_LABELS, title: { text: axis }, rangemode: "tozero", nticks: 6 },
      yaxis: { tickvals: place, ticktext: names, range: [measured.length - 0.4, -0.5], automargin: true, showgrid: false, zeroline: false, fixedrange: true, ticks: "" },
      margin: { l: 8 },
    },
    note: missing.length > 0 ? `Not measured: ${missing.map(lineName).join("; ")}.` : null,
    table: {
      head: [unit, ...parts.map(({ name }) => name), ...(parts.length > 1 ? ["in all"] : []), "of each run"],
      rows: measured.map((line, at) => [
        lineName(line),
        ...parts.map(({ take }) => { const v = median(line.runs.map(take)); return isNumber(v) ? say(v) : ABSENT; }),
        ...(parts.length > 1 ? [say(sums[at])] : []),
        line.runs.map(total).filter(isNumber).map(say).join(", "),
      ]),
    },
    summary: measured.map((line, at) => `${lineName(line)}: ${say(sums[at])}`),
  };
}

/** Bytes of one delivery that are its payload; the rest is headers and framing. */
function bytesSplit(run) {
  const [up, down] = ["bytes_up", "bytes_down"].map((name) => ratio(number(run, name), received(run)));
  const payload = number(run, "payload_bytes");
  // Deliveries of the drain come after the bytes of the window: then there is nothing to split.
  if (up === null || down === null || payload === null || down < payload) return null;
  return { payload, down: down - payload, up };
}

const bytes = (shown) => bars(shown, {
  parts: [
    { name: "payload", take: (run) => bytesSplit(run)?.payload ?? null, opacity: 1, pattern: "" },
    { name: "headers and framing, down", take: (run) => bytesSplit(run)?.down ?? null, opacity: 0.65, pattern: "/" },
    { name: "headers and framing, up", take: (run) => bytesSplit(run)?.up ?? null, opacity: 0.35, pattern: "x" },
  ],
  total: (run) => number(run, "bytes_per_message"),
  unit: "bytes per delivered message", axis: "bytes per delivered message", say: (v) => quantity(v, "B"),
  absent: "No delivery was made at this setting, so there are no bytes per message.",
});

const requests = (shown) => bars(shown, {
  parts: [
    {
      name: "answers with messages", opacity: 1, pattern: "",
      take: (run) => {
        const [sent, empty] = [number(run, "requests"), number(run, "empty_responses")];
        return sent === null || empty === null ? null : ratio(Math.max(sent - empty, 0), received(run));
      },
    },
    { name: "empty answers", take: (run) => ratio(number(run, "empty_responses"), received(run)), opacity: 0.4, pattern: "/" },
  ],
  total: (run) => ratio(number(run, "requests"), received(run)),
  unit: "per delivered message", axis: "requests per delivered message", say: significant,
  label: (line, sum) => {
    if (sum === 0) return "0";
    const empty = median(line.runs.map((run) => ratio(number(run, "empty_responses"), number(run, "requests"))));
    return `${significant(sum)}${isNumber(empty) ? `, ${percent(empty)} empty` : ""}`;
  },
  absent: "No delivery was made at this setting, so there are no requests per message.",
});

const cost = (name, axis, divisor, absent) => (shown) => bars(shown, {
  parts: [{ name: metricName(name), take: (run) => scaled(number(run, name), divisor), opacity: 1, pattern: "" }],
  total: (run) => scaled(number(run, name), divisor),
  unit: axis, axis, say: (v) => quantity(v * divisor, columnOf(name).unit), absent,
});

const scaled = (found, divisor) => (isNumber(found) ? found / divisor : null);

/** A metric over the values of a setting, or over folders: points are runs, lines their medians. Folders
 * are `stepped`: there is nothing between one and the next. */
function growth(metric, { places, at, xaxis, said, stepped = false }) {
  return (some) => {
    const traces = [];
    const all = [];
    const found = [];
    const zeros = new Set();
    for (const [, members] of Map.groupBy(some, lineKind)) {
      const [x, y, text, mx, my] = [[], [], [], [], []];
      for (const line of [...members].sort((a, b) => at(a) - at(b))) {
        const values = line.runs.map(metric.take).filter(isNumber);
        values.forEach((v, n) => { x.push(at(line)); y.push(v); text.push(plain(value(line.runs[n], "run_id") ?? "")); });
        if (line.usable && values.length > 0) { mx.push(at(line)); my.push(median(values)); }
        all.push(...values);
      }
      if (y.length === 0) continue;
      if (y.every((v) => v === 0)) zeros.add(lineName(members[0]));
      found.push([members[0], new Map(mx.map((place, n) => [place, my[n]])), { x, y, text, mx, my }]);
    }
    if (found.length === 0) return nothing("Not measured.");
    // 0 has no place on a logarithmic axis: lines of nothing but 0 are said instead of drawn.
    const drawn = found.filter(([line]) => !zeros.has(lineName(line)));
    const rest = drawn.flatMap(([, , { y }]) => y);
    const log = rest.length > 0 && rest.every((v) => v > 0) && spread(rest) >= WIDE;
    for (const [line, , { x, y, text, mx, my }] of log ? drawn : found) {
      // Two places have no shape of growth: a line would only invent one.
      if (stepped || mx.length > 2) {
        const style = line2([], [], line).line;
        traces.push(line2(mx, my, line, { hoverinfo: "skip", line: { ...style, shape: stepped ? "hvh" : "linear" } }));
      }
      const usable = some.filter((l) => lineKind(l) === lineKind(line)).some((l) => l.usable);
      traces.push(points(x, y, { ...line, usable }, {
        text, hovertemplate: `%{fullData.name}<br>run %{text}: %{y:.4~g} ${metric.unit}<extra></extra>`,
      }));
    }
    const shownPlaces = places.filter((place) => found.some(([, , { x }]) => x.includes(place)));
    const say = (v) => (isNumber(v) ? significant(v) : ABSENT);
    return {
      traces,
      layout: { height: 320, xaxis, yaxis: valueAxis(metric.axis, log ? rest : all) },
      note: log && zeros.size > 0 ? `Not drawn, being 0 throughout: ${[...zeros].join("; ")}.` : null,
      table: {
        head: [said.head, ...found.map(([line]) => lineName(line))],
        rows: shownPlaces.map((place) => [said.place(place), ...found.map(([, medians]) => say(medians.get(place)))]),
      },
      summary: found.map(([line, medians]) => {
        const [first, last] = [[...medians][0], [...medians].at(-1)];
        return first ? `${lineName(line)}: ${say(first[1])} at ${said.place(first[0])}, ${say(last[1])} at ${said.place(last[0])}` : lineName(line);
      }),
    };
  };
}

/** The metrics that growth and trend are drawn of. */
const GROWN = [
  { id: "p50", title: "Delivery, p50", axis: "ms", unit: "ms", take: (run) => scaled(number(run, "delivery_p50_us"), 1e3) },
  { id: "p99", title: "Delivery, p99", axis: "ms", unit: "ms", take: (run) => scaled(number(run, "delivery_p99_us"), 1e3) },
  { id: "cpu", title: "Server CPU per message", axis: "µs", unit: "µs", take: (run) => number(run, "server_cpu_us_per_message") },
  { id: "cores", title: "Server CPU", axis: "cores busy", unit: "cores", take: (run) => ratio(number(run, "server_cpu_s"), number(run, "duration_s")) },
  { id: "bytes", title: "Bytes per message", axis: "bytes", unit: "B", take: (run) => number(run, "bytes_per_message") },
  { id: "requests", title: "Requests per second", axis: "requests/s", unit: "requests/s", take: (run) => ratio(number(run, "requests"), number(run, "duration_s")) },
  { id: "rss", title: "Server memory, peak", axis: "MiB", unit: "MiB", take: (run) => scaled(number(run, "server_rss_peak_bytes"), 1024 ** 2) },
  { id: "memory", title: "Server memory per subscriber", axis: "KiB", unit: "KiB", take: (run) => scaled(number(run, "server_rss_per_subscriber_bytes"), 1024) },
];
