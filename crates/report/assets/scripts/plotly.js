// plotly.js, which draws the charts.

/** Unpacks plotly.js and runs it: Base64 of what RFC 1952 describes. Fails in browsers from before 2023. */
async function loadPlotly() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (byte) => byte.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(h("script", {}, await new Response(unpacked).text()));
}

/** Settled once charts can be drawn, or never can. */
const loaded = loadPlotly().catch(() => {});
