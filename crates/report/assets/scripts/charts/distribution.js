// The distribution of deliveries: a row for each line, drawn from the bins of its histograms.

/** At most so many bins are drawn: plotly.js never draws one narrower than a pixel or two. */
const DRAWN_BINS = 160;

/** The bins of a chart: `low` to `high` of the histograms' bins, `merged` of them in each. */
function binsOf(measured) {
  const places = measured.flatMap((line) =>
    line.runs.flatMap((run) => (run.curve?.bins ?? []).map(([at]) => at)));
  const low = places.reduce((a, b) => Math.min(a, b));
  const high = places.reduce((a, b) => Math.max(a, b)) + 1;
  const merged = Math.max(1, Math.ceil((high - low) / DRAWN_BINS));
  /** Where a bin begins, in ms. */
  const edge = (at) => 10 ** (at / data.bins_per_decade) / 1e6;
  const text = (bin) => `${significant(edge(bin))}–${significant(edge(bin + merged))}`;
  return { low, high, merged, edge, text, wide: edge(high) / edge(low) >= WIDE };
}

/** The share of a line's deliveries in each bin: a map, the mean over its runs. */
function sharesOf(line, { low, merged }) {
  const curves = line.runs.map((run) => run.curve).filter(Boolean);
  const shares = new Map();
  for (const { bins: held, count: total } of curves) {
    for (const [at, many] of held) {
      const bin = low + Math.floor((at - low) / merged) * merged;
      shares.set(bin, (shares.get(bin) ?? 0) + many / total / curves.length);
    }
  }
  return shares;
}

/** The outline of a row, and where its highest point is. */
function outline(line, shares, bins, axis) {
  const { low, high, merged, edge, wide } = bins;
  const [x, heights, text] = [[], [], []];
  for (let bin = low - merged; bin <= high; bin += merged) {
    const share = shares.get(bin) ?? 0;
    x.push(edge(bin));
    // On an even axis, bins get wider to the right: their height is the share for each millisecond.
    heights.push(wide ? share : share / (edge(bin + merged) - edge(bin)));
    text.push(`${bins.text(bin)} ms: ${percent(share)}`);
  }
  const { colour } = look(line);
  const drawn = trace(x, heights, line, {
    yaxis: `y${axis}`, text, hovertemplate: "%{fullData.name}<br>%{text}<extra></extra>",
    line: { color: colour, width: 1.25, shape: "hv" }, fill: "tozeroy", fillcolor: `${colour}40`,
  });
  return [drawn, heights.reduce((a, b) => Math.max(a, b), 0)];
}

/** The medians of single runs, as points on the baseline of a row. */
function mediansOf(line, axis) {
  const medians = numbers(line, "delivery_p50_us").map((us) => us / 1e3);
  return points(medians, medians.map(() => 0), line, {
    yaxis: `y${axis}`, cliponaxis: false,
    hovertemplate: "%{fullData.name}<br>p50 of a run: %{x:.4~g} ms<extra></extra>",
  });
}

/** The bins below which certain shares of the deliveries lie, and the most common one. */
function distributionRow(line, shares, bins) {
  const inOrder = [...shares].sort((a, b) => a[0] - b[0]);
  const below = (share) => {
    let sum = 0;
    const found = inOrder.find(([, part]) => {
      sum += part;
      return sum >= share;
    });
    return found ? bins.text(found[0]) : ABSENT;
  };
  const [mode] = [...shares].sort((a, b) => b[1] - a[1])[0];
  return [lineName(line), below(0.05), below(0.5), below(0.95), bins.text(mode)];
}

function distribution(shown) {
  const measured = shown.filter((line) => line.runs.some((run) => run.curve));
  if (measured.length === 0) return nothing("There is no histogram of these runs (latency.hlog), or their clocks disagree by more than the fastest delivery took: so no distribution.");
  const bins = binsOf(measured);
  const traces = [];
  const layout = { height: 70 + 74 * measured.length, annotations: [], hovermode: "closest" };
  const slot = 1 / measured.length;
  const rows = measured.map((line, place) => {
    const shares = sharesOf(line, bins);
    const axis = place === 0 ? "" : String(place + 1);
    const [drawn, top] = outline(line, shares, bins, axis);
    traces.push(drawn, mediansOf(line, axis));
    const from = 1 - (place + 1) * slot;
    layout[`yaxis${axis}`] = {
      domain: [from + slot * 0.02, from + slot * 0.72], range: [-top * 0.02, top * 1.04],
      showticklabels: false, showgrid: false, zeroline: false, fixedrange: true, ticks: "",
    };
    layout.annotations.push({
      xref: "paper", yref: "paper", x: 0, y: from + slot * 0.98, xanchor: "left", yanchor: "top",
      text: plain(lineName(line)), showarrow: false, font: { color: css("--ink"), size: 13 },
    });
    return distributionRow(line, shares, bins);
  });
  const axis = bins.wide
    ? logTicks(bins.edge(bins.low), bins.edge(bins.high), 0.02) : { ...AXIS_LABELS, nticks: 8 };
  const last = measured.length === 1 ? "" : measured.length;
  layout.xaxis = { ...axis, title: { text: "delivery, ms" }, anchor: `y${last}` };
  return {
    traces, layout,
    note: bins.wide ? "The axis is logarithmic: what is spread evenly over time rises towards the right." : null,
    table: { head: ["ms", "5 % below", "half below", "95 % below", "most common"], rows },
    summary: rows.map(([name, , half, , common]) => `${name}: half below ${half} ms, most commonly ${common} ms`),
  };
}
