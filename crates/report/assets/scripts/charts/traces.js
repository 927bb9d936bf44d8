// The lines and points of the charts, as plotly.js takes them.
//
// Each chart is a function from lines to its traces and layout, the same values as a table, and a
// sentence of the main numbers for people who cannot see it; or, if nothing was measured, why.

/** Escapes text for plotly.js, which understands some markup. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const trace = (x, y, line, more = {}) => {
  const { colour, dash, symbol } = look(line);
  return {
    type: "scatter", x, y, mode: "lines", name: plain(lineName(line)), showlegend: false,
    line: { color: colour, dash: plotlyDash(dash), width: 2.25 }, marker: { color: colour, symbol, size: 7 },
    // Markers on the edge of the chart are not cut off.
    connectgaps: false, cliponaxis: false, ...more,
  };
};

/** The size of a marker. A triangle has half the area of a square of the same width. */
const symbolSize = (symbol) => (symbol.startsWith("triangle") ? 10 : 8);

const points = (x, y, line, more = {}) => {
  const { colour, symbol } = look(line);
  return trace(x, y, line, {
    mode: "markers",
    marker: {
      color: colour, symbol: line.usable ? symbol : "x-thin", size: symbolSize(symbol), opacity: 0.9,
      line: { color: line.usable ? css("--paper") : colour, width: line.usable ? 0.5 : 2 },
    },
    ...more,
  });
};

const nothing = (what) => ({ absent: what });
