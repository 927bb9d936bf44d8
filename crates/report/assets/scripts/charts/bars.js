// Bars: bytes, requests and cost of a delivered message.

/** One part of each line's bar. */
const barsOf = ({ name, take, opacity, pattern }, measured, say) => measured.map((line, at) => {
  const found = median(line.runs.map(take));
  return {
    type: "bar", orientation: "h", y: [at], x: [found], name, showlegend: false, width: 0.5,
    marker: {
      color: look(line).colour, opacity,
      pattern: { shape: pattern, fillmode: "overlay", size: 6, solidity: 0.35, fgcolor: css("--paper") },
      line: { color: css("--paper"), width: 1 },
    },
    customdata: [said(found, say)],
    text: [plain(lineName(line))],
    textposition: "none",
    hovertemplate: `%{text}<br>${name}: %{customdata}<extra></extra>`,
  };
});

/** What stands for a part in the legend of an image. */
const partLegend = ({ name, opacity, pattern }) => ({
  type: "bar", x: [null], y: [null], name, showlegend: true,
  marker: {
    color: css("--muted"), opacity,
    pattern: { shape: pattern, fillmode: "overlay", size: 6, solidity: 0.35, fgcolor: css("--paper") },
  },
});

/** The total of each run as a point beside the line's bar, if there are several. */
function totalsOf(line, at, total, say) {
  const found = line.runs.map(total).filter(isNumber);
  if (found.length < 2) return [];
  return [points(found, found.map((_, run) => at + 0.36 + (run % 2) * 0.06), line, {
    customdata: found.map(say), hovertemplate: "%{fullData.name}<br>one run: %{customdata}<extra></extra>",
  })];
}

const said = (found, say) => (isNumber(found) ? say(found) : ABSENT);

/** Bars, one for each line; `parts` are stacked, and the total of each run is a point. */
function bars(shown, { parts, total, unit, axis, say, sumText = (_line, sum) => say(sum), absent, row = 58 }) {
  const measured = shown.filter((line) => line.runs.some((run) => isNumber(total(run))));
  if (measured.length === 0) return nothing(absent);
  const missing = shown.filter((line) => !measured.includes(line));
  const sums = measured.map((line) => median(line.runs.map(total)));
  const names = measured.map((line, at) => `${plain(lineName(line))}<br><b>${sumText(line, sums[at])}</b>`);
  const several = parts.length > 1;
  return {
    traces: [
      ...parts.flatMap((part) => barsOf(part, measured, say)),
      ...measured.flatMap((line, at) => totalsOf(line, at, total, say)),
    ],
    layout: {
      height: 64 + row * measured.length, barmode: "stack", bargap: 0.5,
      xaxis: { ...AXIS_LABELS, title: { text: axis }, rangemode: "tozero", nticks: 6 },
      yaxis: {
        tickvals: measured.map((_, at) => at), ticktext: names, range: [measured.length - 0.4, -0.5],
        automargin: true, showgrid: false, zeroline: false, fixedrange: true, ticks: "",
      },
      margin: { l: 8 },
    },
    // The lines have their names at the axis. Only parts need a legend.
    legend: several ? parts.map(partLegend) : [],
    note: missing.length > 0 ? `Not measured: ${missing.map(lineName).join("; ")}.` : null,
    table: {
      head: [unit, ...parts.map(({ name }) => name), ...(several ? ["in all"] : []), "of each run"],
      rows: measured.map((line, at) => [
        lineName(line),
        ...parts.map(({ take }) => said(median(line.runs.map(take)), say)),
        ...(several ? [say(sums[at])] : []),
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
  // Deliveries of the drain arrive after the bytes of the window are counted. Then the bytes cannot be split.
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
  sumText: (line, sum) => {
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
