// Draws one unit on the timeline: a bar, and a shape at its end that says what it is.

/**
 * Draws a unit. Returns the top and the bottom of what was drawn.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {{x: number, middle: number, height: number, selected: boolean}} bar `middle` is the place
 *   of the lane's line
 */
export function drawUnit(pen, unit, { x, middle, height, selected }, colours) {
  const sign = unit.direction === "in" ? -1 : 1;
  const end = middle + sign * height;
  const top = Math.min(middle, end);
  // The part of the bar that stands for messages is filled, and the rest is open.
  const filled = unit.length > 0 ? (height * unit.sizes.message) / unit.length : 0;
  pen.fillStyle = pen.strokeStyle = colours.lane;
  pen.lineWidth = 1;
  pen.fillRect(x - 2, Math.min(middle, middle + sign * filled), 4, filled);
  pen.fillStyle = colours.paper;
  const open = height - filled;
  pen.fillRect(x - 2, Math.min(end, end - sign * open), 4, open);
  pen.strokeRect(x - 2, top, 4, height);
  pen.fillStyle = colours.lane;
  drawShape(pen, unit.kind, x, end + sign * 3, sign);
  if (selected) {
    pen.lineWidth = 2;
    pen.strokeStyle = colours.focus;
    pen.strokeRect(x - 6, top - 9, 12, height + 18);
  }
  return [top - 6, Math.max(middle, end) + 6];
}

/** Requests and responses are triangles, chunks are squares, frames are circles. */
function drawShape(pen, kind, x, y, sign) {
  pen.beginPath();
  if (kind === "request" || kind === "response") {
    pen.moveTo(x - 4, y - sign * 3);
    pen.lineTo(x + 4, y - sign * 3);
    pen.lineTo(x, y + sign * 4);
  } else if (kind === "chunk") {
    pen.rect(x - 3, y - 3, 6, 6);
  } else {
    pen.arc(x, y, 3.25, 0, 2 * Math.PI);
  }
  pen.fill();
}
