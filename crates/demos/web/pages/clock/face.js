// The face of a clock with three hands, as an SVG.

const NAMESPACE = "http://www.w3.org/2000/svg";
const RADIUS = 92;
const DAY_S = 86_400;

function draw(name, attributes, ...children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Returns the point at a distance from the middle, `turn` times around from the top. */
function point(turn, distance) {
  const angle = 2 * Math.PI * turn;
  return `${(distance * Math.sin(angle)).toFixed(2)} ${(-distance * Math.cos(angle)).toFixed(2)}`;
}

const hand = (name, length) => draw("line", { class: `hand ${name}`, y1: 12, y2: -length });

const turnTo = (element, turn) => element.setAttribute("transform", `rotate(${turn * 360})`);

export class ClockFace {
  #hour = hand("hour", 48);
  #minute = hand("minute", 70);
  #second = hand("second", 84);
  /** Where the second hand would be without a delay, and the area from there to the hand. */
  #present = hand("present", 84);
  #lag = draw("path", { class: "lag" });
  #hands;

  /**
   * @param {HTMLElement} place an empty element
   * @param {string} label what the face shows, for screen readers
   */
  constructor(place, label) {
    const marks = Array.from({ length: 60 }, (_, minute) => {
      const mark = { class: minute % 5 === 0 ? "mark-hour" : "mark-minute", y1: -RADIUS + 2 };
      mark.y2 = -RADIUS + (minute % 5 === 0 ? 12 : 6);
      mark.transform = `rotate(${minute * 6})`;
      return draw("line", mark);
    });
    const all = [this.#lag, this.#present, this.#hour, this.#minute, this.#second];
    this.#hands = draw("g", {}, ...all, draw("circle", { class: "pin", r: 4 }));
    const rim = draw("circle", { class: "rim", r: RADIUS + 4 });
    const picture = { viewBox: "-100 -100 200 200", role: "img", "aria-label": label };
    place.append(draw("svg", picture, rim, ...marks, this.#hands));
    this.hide();
  }

  /** Shows the face without hands. */
  hide() {
    this.#hands.setAttribute("visibility", "hidden");
  }

  /** Shows a time of the day, in seconds since midnight, `lag_s` seconds late. */
  show(seconds, lag_s = 0) {
    const shown = (seconds - lag_s + DAY_S) % DAY_S;
    this.#hands.removeAttribute("visibility");
    turnTo(this.#hour, shown / 43_200);
    turnTo(this.#minute, shown / 3600);
    turnTo(this.#second, shown / 60);
    turnTo(this.#present, seconds / 60);
    const [from, to] = [shown / 60, seconds / 60];
    const arc = `M0 0L${point(from, 84)}A84 84 0 ${lag_s > 30 ? 1 : 0} 1 ${point(to, 84)}Z`;
    this.#lag.setAttribute("d", lag_s > 0 ? arc : "");
    this.#present.toggleAttribute("hidden", lag_s === 0);
  }
}
