// Draws the charts, and draws them again if the page changes.

const COARSE = matchMedia("(pointer: coarse)").matches;
const CONFIG = {
  displaylogo: false, displayModeBar: false, doubleClick: "reset",
};

function layoutOf(layout) {
  const [ink, muted, rule, paper] = ["--ink", "--muted", "--rule", "--paper"].map(css);
  const axis = {
    gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true, fixedrange: COARSE,
    tickangle: 0, layer: "below traces", tickfont: { color: muted, size: 12 }, ticks: "outside", ticklen: 4, tickcolor: rule, zeroline: false,
  };
  const merged = {
    font: { family: css("--font"), color: ink, size: 13 }, paper_bgcolor: paper, plot_bgcolor: paper,
    margin: { l: 48, r: 16, t: 8, b: 44, ...layout.margin }, showlegend: false, dragmode: COARSE ? false : "zoom",
    hoverlabel: { bgcolor: paper, bordercolor: muted, font: { color: ink, family: css("--font"), size: 13 }, align: "left" },
    hovermode: "closest", separators: `.${NO_BREAK}`, ...layout,
  };
  merged.margin = { l: 48, r: 16, t: 8, b: 44, ...layout.margin };
  for (const name of Object.keys(merged).filter((key) => /^[xy]axis\d*$/.test(key))) {
    merged[name] = { ...axis, ...merged[name] };
    if (merged[name].title) merged[name].title = { standoff: 8, font: { color: muted, size: 12 }, ...merged[name].title };
  }
  return merged;
}

/** Redraws charts whose place has changed its width: at once, and while it keeps changing, a few times
 * a second. */
const resized = new ResizeObserver(() => {
  clearTimeout(follow.later);
  const wait = follow.last + 200 - performance.now();
  if (wait <= 0) follow();
  else follow.later = setTimeout(follow, wait);
});

function follow() {
  follow.last = performance.now();
  if (state.printing) return;
  charts.filter(({ plot }) => plot.layout && plot.clientWidth > 0 && Math.abs(plot.clientWidth - plot.layout.width) > 1)
    .forEach(drawChart);
}
follow.last = -Infinity;

/** Removes tick labels that would overlap the one before. */
function thin(axis, width) {
  if (!axis.tickvals || !axis.range) return;
  const [from, to] = axis.range;
  let free = -Infinity;
  axis.ticktext = axis.ticktext.map((text, n) => {
    const place = axis.type === "log" ? Math.log10(axis.tickvals[n]) : axis.tickvals[n];
    const centre = ((place - from) / (to - from)) * (width - 80);
    const half = Math.max(...text.split("<br>").map((part) => part.length)) * 3.6 + 2;
    if (place < from || place > to || centre - half < free) return "";
    free = centre + half;
    return text;
  });
}

const PRINT_WIDTH = 680; // what A4 leaves between its margins

function drawChart(one) {
  const { name, draw, select, plot, note, table } = one;
  const drawn = globalThis.Plotly ? draw(select())
    : { absent: "This browser cannot unpack the program that draws the charts: take one from 2023 or later. All numbers are in the tables." };
  note.textContent = drawn.note ?? "";
  plot.classList.toggle("absent", "absent" in drawn);
  if (drawn.absent) {
    if (plot.data) Plotly.purge(plot);
    plot.removeAttribute("role");
    plot.removeAttribute("aria-label");
    plot.style.height = "";
    plot.replaceChildren(h("p", {}, drawn.absent));
    table.replaceChildren();
    return;
  }
  if (!plot.data) plot.replaceChildren();
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${name}. ${drawn.summary.join("; ")}. The table below has the values.`);
  const layout = layoutOf(drawn.layout);
  plot.style.height = `${layout.height}px`;
  const onPaper = plot.closest(".pair") ? PRINT_WIDTH / 2 - 12 : PRINT_WIDTH;
  layout.width = state.printing ? onPaper : plot.clientWidth;
  thin(layout.xaxis, layout.width);
  // Solid lines are drawn below dashed ones, so that both are visible where they coincide.
  const traces = drawn.layout.barmode ? drawn.traces : [...drawn.traces].reverse();
  Plotly.react(plot, traces, layout, CONFIG);
  const was = table.querySelector("details")?.open ?? false;
  const details = disclosure("Values", () => plainTable({ caption: `${name}: values`, ...drawn.table }));
  table.replaceChildren(details, h("button", { type: "button", onclick: () => saveImage(one) }, "Save as PNG"));
  details.open = was;
}

let drawing = 0;

/** Draws one chart after the other, so that the page stays responsive. */
async function drawAll() {
  const turn = ++drawing;
  await loaded;
  for (const one of charts) {
    if (turn !== drawing) return;
    drawChart(one);
    await new Promise((resume) => { setTimeout(resume, 0); });
  }
  document.documentElement.dataset.drawn = String(charts.length);
}

function redrawNow() {
  if (!globalThis.Plotly) return;
  drawing += 1;
  charts.forEach(drawChart);
}
