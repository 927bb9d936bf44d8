// Draws one series of a chart: its line and its dots.

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {object} series see LineChart
 * @param {{x: (at: number) => number, y: (value: number) => number, most: number, top: number}}
 *   area places times and values; `most` is the end of the scale, and `top` its place
 */
export function drawSeries(pen, { color, dash, dots, line, points }, area, colours) {
  pen.strokeStyle = colours.of(color);
  pen.lineWidth = 1.75;
  pen.lineJoin = "round";
  if (line) drawLine(pen, points, dash ?? [], area);
  if (!dots) return;
  for (const point of points) {
    if (point.value === null) continue;
    drawDot(pen, point, area);
    pen.fillStyle = point.hollow ? colours.paper : pen.strokeStyle;
    pen.fill();
    if (point.hollow) pen.stroke();
  }
}

function drawLine(pen, points, dash, { x, y, most }) {
  const height = (value) => y(Math.min(value, most * 1.04));
  pen.setLineDash(dash);
  pen.beginPath();
  let before = null;
  for (const { at, value } of points) {
    // A line is interrupted by a missing value, and where both of its ends are above the scale.
    const starts = before === null || (before > most && value > most);
    if (value !== null && starts) pen.moveTo(x(at), height(value));
    else if (value !== null) pen.lineTo(x(at), height(value));
    before = value;
  }
  pen.stroke();
  pen.setLineDash([]);
}

function drawDot(pen, { at, value, hollow }, { x, y, most, top }) {
  pen.beginPath();
  if (value <= most * 1.001) {
    pen.arc(x(at), y(value), hollow ? 2.75 : 2.25, 0, 2 * Math.PI);
    return;
  }
  // A triangle in the upper margin stands for a value above the scale.
  pen.moveTo(x(at) - 4, top - 3);
  pen.lineTo(x(at) + 4, top - 3);
  pen.lineTo(x(at), top - 11);
  pen.closePath();
}
