// Charts as images, which say without the page what they show.

const IMAGE_WIDTH = 1000;

/** What stands for a line in the legend of an image. */
const legendOf = (line) => {
  const { colour, dash, symbol } = look(line);
  return {
    type: "scatter", mode: "lines+markers", x: [null], y: [null], name: plain(lineName(line)), showlegend: true,
    line: { color: colour, dash: plotlyDash(dash), width: 2.25 }, marker: { color: colour, symbol, size: symbolSize(symbol) },
  };
};

/** Where the numbers come from: the scenario, the folder, its time and machine. */
function sourceWords() {
  const folders = data.sources.map(({ name }) => name).filter(Boolean);
  const shown = folders.length > 2 ? `${folders.length} run folders` : folders.join(" and ");
  const [{ machine } = {}] = data.sources;
  const started = machine?.started ? MACHINE.started[1](String(machine.started)) : null;
  return [`wirebench ${data.wirebench}`, shown, started, machine?.cpu].filter(Boolean).join(" · ");
}

/** A text at the left edge of the chart, so many pixels above or below it. */
const edgeText = (text, { y, shift, size, colour, anchor }) => ({
  text: plain(text), showarrow: false, align: "left", xref: "paper", x: 0, xanchor: "left",
  yref: "paper", y, yanchor: anchor, yshift: shift, font: { size, color: css(colour) },
});

/** The traces and the layout of a chart with its title, setting, legend and source. */
function imageOf({ id, name, draw, select, plot }) {
  const shown = select();
  const drawn = draw(shown);
  if (drawn.absent) return null;
  const layout = layoutOf(drawn.layout);
  // The names of faults stand between the legend and the chart.
  const named = layout.annotations?.some(({ yanchor }) => yanchor === "bottom") ? 20 : 0;
  const [top, bottom] = [104 + named, layout.margin.b + 28];
  const chartHeight = layout.height - layout.margin.t - layout.margin.b;
  const title = name || (plot.closest("section")?.querySelector("h2")?.textContent ?? "");
  const names = [...new Set(data.sources.map((source) => source.scenario))].join(", ");
  const setting = [names, settingWords(id === "lead" || id.startsWith("g-") ? state.against : null)].filter(Boolean).join(" · ");
  layout.annotations = [
    ...(layout.annotations ?? []),
    edgeText(title, { y: 1, shift: 66 + named, size: 19, colour: "--ink", anchor: "bottom" }),
    edgeText(setting, { y: 1, shift: 44 + named, size: 13, colour: "--muted", anchor: "bottom" }),
    edgeText(sourceWords(), { y: 0, shift: -bottom + 6, size: 11, colour: "--muted", anchor: "bottom" }),
  ];
  Object.assign(layout, {
    width: IMAGE_WIDTH, height: layout.height + top - layout.margin.t + 28, showlegend: true,
    margin: { ...layout.margin, t: top, b: bottom },
    legend: {
      orientation: "h", traceorder: "normal", x: 0, xanchor: "left", y: 1 + named / chartHeight, yanchor: "bottom",
      font: { color: css("--ink"), size: 13 },
    },
  });
  thin(layout.xaxis, IMAGE_WIDTH);
  const legend = drawn.legend ?? [...Map.groupBy(shown, lineKind).values()].map(([line]) => legendOf(line));
  const traces = drawn.layout.barmode ? drawn.traces : [...drawn.traces].reverse();
  return { data: [...traces, ...legend], layout, config: CONFIG };
}

/** Saves a chart as an image. */
async function saveImage(one) {
  const image = imageOf(one);
  if (!image) return;
  const { width, height } = image.layout;
  const url = await Plotly.toImage(image, { format: "png", width, height, scale: 2 });
  h("a", { href: url, download: `wirebench-${one.id}.png` }).click();
}
