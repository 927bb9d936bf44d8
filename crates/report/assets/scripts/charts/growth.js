// Growth over a setting, and the trend over run folders.

/** The points of a kind of line, and its medians by place. */
function grown(members, metric, at) {
  const [x, y, text, medians] = [[], [], [], new Map()];
  for (const line of [...members].sort((a, b) => at(a) - at(b))) {
    const values = line.runs.map(metric.take).filter(isNumber);
    values.forEach((v, n) => {
      x.push(at(line));
      y.push(v);
      text.push(plain(value(line.runs[n], "run_id") ?? ""));
    });
    if (line.usable && values.length > 0) medians.set(at(line), median(values));
  }
  return { line: members[0], usable: members.some((line) => line.usable), x, y, text, medians };
}

/** A kind of line: its medians joined, and its points. */
function growthTraces({ line, usable, x, y, text, medians }, metric, stepped) {
  const single = points(x, y, { ...line, usable }, {
    text, hovertemplate: `%{fullData.name}<br>run %{text}: %{y:.4~g} ${metric.unit}<extra></extra>`,
  });
  // Two places do not show the shape of growth: a line would invent one.
  if (!stepped && medians.size <= 2) return [single];
  const style = { ...trace([], [], line).line, shape: stepped ? "hvh" : "linear" };
  return [trace([...medians.keys()], [...medians.values()], line, { hoverinfo: "skip", line: style }), single];
}

/** The first and the last median of a kind of line, in words. */
function growthSummary({ line, medians }, said) {
  const [first, last] = [[...medians][0], [...medians].at(-1)];
  if (!first) return lineName(line);
  const text = ([place, v]) => `${significant(v)} at ${said.place(place)}`;
  return `${lineName(line)}: ${text(first)}, ${text(last)}`;
}

/** A metric over the values of a setting, or over folders: points are runs, lines their medians. Folders
 * are `stepped`: there is nothing between one and the next. */
const growth = (metric, { places, at, xaxis, said, stepped = false }) => (some) => {
  const found = [...Map.groupBy(some, lineKind).values()]
    .map((members) => grown(members, metric, at)).filter(({ y }) => y.length > 0);
  if (found.length === 0) return nothing("Not measured.");
  // 0 has no place on a logarithmic axis: lines of nothing but 0 are named instead of drawn.
  const isZero = ({ y }) => y.every((v) => v === 0);
  const [zeros, others] = [found.filter(isZero), found.filter((kind) => !isZero(kind))];
  const rest = others.flatMap(({ y }) => y);
  const log = rest.length > 0 && rest.every((v) => v > 0) && spread(rest) >= WIDE;
  const shownPlaces = places.filter((place) => found.some(({ x }) => x.includes(place)));
  return {
    traces: (log ? others : found).flatMap((kind) => growthTraces(kind, metric, stepped)),
    layout: { height: 320, xaxis, yaxis: valueAxis(metric.axis, log ? rest : found.flatMap(({ y }) => y)) },
    note: log && zeros.length > 0
      ? `Not drawn, being 0 throughout: ${zeros.map(({ line }) => lineName(line)).join("; ")}.` : null,
    table: {
      head: [said.head, ...found.map(({ line }) => lineName(line))],
      rows: shownPlaces.map((place) => [said.place(place), ...found.map(({ medians }) => significantOrAbsent(medians.get(place)))]),
    },
    summary: found.map((kind) => growthSummary(kind, said)),
  };
};

/** The metrics that growth and trend show. */
const GROWN = [
  { id: "p50", title: "Delivery, p50", axis: "ms", unit: "ms", take: (run) => scaled(number(run, "delivery_p50_us"), 1e3) },
  { id: "p99", title: "Delivery, p99", axis: "ms", unit: "ms", take: (run) => scaled(number(run, "delivery_p99_us"), 1e3) },
  { id: "cpu", title: "Server CPU per message", axis: "µs", unit: "µs", take: (run) => number(run, "server_cpu_us_per_message") },
  { id: "floor", title: "Server CPU per message, in bare writes", axis: "bare writes", unit: "bare writes", take: (run) => number(run, "server_cpu_floor_ratio") },
  { id: "cores", title: "Server CPU", axis: "cores busy", unit: "cores", take: (run) => ratio(number(run, "server_cpu_s"), number(run, "duration_s")) },
  { id: "bytes", title: "Bytes per message", axis: "bytes", unit: "B", take: (run) => number(run, "bytes_per_message") },
  { id: "requests", title: "Requests per second", axis: "requests/s", unit: "requests/s", take: (run) => ratio(number(run, "requests"), number(run, "duration_s")) },
  { id: "rss", title: "Server memory, peak", axis: "MiB", unit: "MiB", take: (run) => scaled(number(run, "server_rss_peak_bytes"), 1024 ** 2) },
  { id: "memory", title: "Server memory per subscriber", axis: "KiB", unit: "KiB", take: (run) => scaled(number(run, "server_rss_per_subscriber_bytes"), 1024) },
];
