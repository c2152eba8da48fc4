// On the page of an alert: its own steps, and which tags stood out cell by cell, on the axis of the batch's course.
"use strict";

const STEPS = { began: "B", raised: "R", graver: "G", spread: "S", told_again: "T", ended: "E" };
const SEVERITIES = { low: "#c9d1d8", medium: "#f0b48a", high: "#c24a00" };
const PARTS = ["#14202b", "#4d8fbf", "#b08a2e", "#7d6aa8", "#3f8f6d", "#a06a5a"];
const OTHERS = "#cdd5db";
const WITHIN_PX = 10;
const STEP_ROWS = 3;

// What both charts have: a canvas of process hours below or above the course, which they fetch once.
class AlertChart {
  constructor(figure) {
    this.figure = figure;
    this.plotAt = figure.querySelector(".plot");
    this.output = figure.querySelector("output");
    this.plot = null;
  }

  async show(course) {
    this.course = course;
    this.take(await alertCourse(this.figure.dataset.alert));
    if (this.figure.hidden) return;
    if (this.plot) this.plot.destroy();
    this.plot = new uPlot(this.options(), [[0, courseEnd(course)], [null, null]], this.plotAt);
    this.rest();
    if (!this.resizing) {
      this.resizing = new ResizeObserver(() => {
        const width = Math.floor(this.plotAt.clientWidth);
        if (width && width !== this.plot.width) this.plot.setSize({ width, height: this.height() });
      });
      this.resizing.observe(this.plotAt);
    }
  }

  options() {
    const { y, splits, values } = this.scale();
    const axis = { stroke: COLOURS.quiet, font: "12px system-ui, sans-serif", ticks: { show: false }, grid: { show: false } };
    return {
      width: Math.max(200, Math.floor(this.plotAt.clientWidth)),
      height: this.height(),
      padding: [10, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "batch", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false }, points: { show: false }, y: false },
      scales: { x: { time: false, range: (u, low, high) => (low === null || low === high ? [0, courseEnd(this.course)] : [low, high]) }, y },
      axes: [
        { ...axis, incrs: [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96], space: 44, size: 26, values: (u, at) => at.map((hour) => `${hour} h`) },
        { ...axis, size: axisSize(this.plotAt), splits, values },
      ],
      series: [{}, { show: false }],
      hooks: { draw: [(u) => this.draw(u)], setCursor: [(u) => this.read(u)] },
    };
  }

  draw(u) {
    const pen = u.ctx;
    pen.save();
    pen.beginPath();
    pen.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    pen.clip();
    this.paint(pen, (hour) => u.valToPos(hour, "x", true), (value) => u.valToPos(value, "y", true), devicePixelRatio, u);
    pen.restore();
  }

  rest() {
    this.output.textContent = "point at it to read it";
  }
}

// Onset, raised, spread, graver, told again, ended: a bar in the colour of its severity, and a letter for each step.
class EpisodeChart extends AlertChart {
  take({ steps }) {
    this.steps = steps.filter((step) => step.hour !== null);
    this.figure.dataset.steps = this.steps.length;
    this.figure.hidden = !this.steps.length;
  }

  height() {
    return (1 + STEP_ROWS) * ROW_PX + 40;
  }

  scale() {
    return { y: { dir: -1, range: () => [0, 1 + STEP_ROWS] }, splits: () => [0.5, 1.5], values: () => ["severity", "steps"] };
  }

  paint(pen, x, y, px) {
    const raised = this.steps.findIndex((step) => step.kind === "raised");
    const ended = this.steps.find((step) => step.kind === "ended");
    const end = ended ? ended.hour : Math.max(judgedUntil(this.course) ?? 0, this.steps.at(-1).hour);
    const top = y(0.12), high = y(0.88) - y(0.12);
    pen.fillStyle = hatchPattern(pen, COLOURS.approved);
    pen.fillRect(x(this.steps[0].hour), top, x(this.steps[raised].hour) - x(this.steps[0].hour), high);
    const told = this.steps.slice(raised).filter((step) => step.kind !== "ended");
    told.forEach((step, i) => {
      const from = x(step.hour), to = x(told[i + 1]?.hour ?? end);
      pen.fillStyle = SEVERITIES[step.severity] ?? SEVERITIES.low;
      pen.fillRect(from, top, Math.max(to - from, 2 * px), high);
    });
    pen.font = `700 ${9 * px}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    // What lies too near to the step before it stands one row below.
    const taken = Array(STEP_ROWS).fill(-Infinity);
    for (const step of this.steps) {
      const at = x(step.hour);
      const row = Math.max(0, taken.findIndex((last) => at - last >= 14 * px));
      const middle = y(row + 1.5);
      taken[row] = at;
      pen.fillStyle = step.kind === "began" ? COLOURS.quiet : COLOURS.ink;
      pen.beginPath();
      pen.arc(at, middle, 6.5 * px, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = "#ffffff";
      pen.fillText(STEPS[step.kind], at, middle + 0.5 * px);
    }
  }

  read(u) {
    const { left } = u.cursor;
    if (left === null || left < 0) return this.rest();
    const near = this.steps.filter((step) => Math.abs(u.valToPos(step.hour, "x") - left) < WITHIN_PX);
    this.output.textContent = near.map((step) => `${step.hour.toFixed(1)} h ${step.words}`).join("; ");
  }
}

// Stacked shares: of each cell the tags that came near a limit or beyond, each in its part of the whole.
class ShareChart extends AlertChart {
  take({ contributions }) {
    this.shares = contributions;
    this.figure.hidden = !contributions || !contributions.hours.length;
    if (this.figure.hidden) return;
    this.named = contributions.tags.slice(0, PARTS.length);
    this.figure.dataset.cells = contributions.hours.filter((_, i) => contributions.share.some((one) => one[i] !== null)).length;
    this.figure.dataset.tags = contributions.tags.join("|");
    const keys = this.named.map((tag, i) => this.key(tag, PARTS[i]));
    if (contributions.tags.length > PARTS.length) keys.push(this.key(`${contributions.tags.length - PARTS.length} others`, OTHERS));
    this.figure.querySelector(".keys").replaceChildren(...keys);
  }

  key(words, colour) {
    const key = document.createElement("span"), swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    swatch.setAttribute("width", "12");
    swatch.setAttribute("height", "12");
    const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of [["width", "12"], ["height", "12"], ["fill", colour]]) square.setAttribute(name, value);
    swatch.append(square);
    key.append(swatch, ` ${words}`);
    return key;
  }

  height() {
    return 170;
  }

  scale() {
    return { y: { range: () => [0, 1] }, splits: () => [0, 0.5, 1], values: () => ["0 %", "50 %", "100 %"] };
  }

  paint(pen, x, y, px, u) {
    const { hours, share, from_h: from, to_h: to } = this.shares;
    const width = hours.length > 1 ? Math.min(...hours.slice(1).map((hour, i) => hour - hours[i])) : 0.5;
    hours.forEach((hour, i) => {
      let below = 0;
      share.forEach((one, tag) => {
        if (one[i] === null) return;
        pen.fillStyle = PARTS[tag] ?? OTHERS;
        const left = x(hour - width), top = y(below + one[i]);
        pen.fillRect(left, top, Math.max(x(hour) - left + 0.5, px), y(below) - top);
        below += one[i];
      });
    });
    pen.strokeStyle = COLOURS.alert;
    pen.lineWidth = 1.4 * px;
    pen.setLineDash([4 * px, 3 * px]);
    for (const hour of [from, to]) {
      pen.beginPath();
      pen.moveTo(x(hour), u.bbox.top);
      pen.lineTo(x(hour), u.bbox.top + u.bbox.height);
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  read(u) {
    const { left } = u.cursor;
    if (left === null || left < 0) return this.rest();
    const hour = u.posToVal(left, "x"), { hours, tags, share, layers, near } = this.shares;
    const i = hours.findIndex((end) => end >= hour);
    if (i < 0) return this.rest();
    const said = tags.map((tag, at) => [tag, share[at][i], layers[at][i].join(" and ")]).filter(([, one]) => one !== null).sort((a, b) => b[1] - a[1]);
    const words = said.length ? said.map(([tag, one, by]) => `${tag} ${Math.round(100 * one)} % by ${by}`).join(", ") : `no tag at ${100 * near} % of a limit`;
    this.output.textContent = `${hours[i].toFixed(1)} h: ${words}`;
  }
}

// One answer for both charts; after a failure it is asked for again.
let asked = null;
function alertCourse(alert) {
  asked ??= fetch(`/v1/alerts/${alert}/course`, { credentials: "same-origin" })
    .then((answer) => {
      if (!answer.ok) throw new Error(`${answer.status}`);
      return answer.json();
    })
    .catch((error) => {
      asked = null;
      throw error;
    });
  return asked;
}

COURSE_CHARTS.episode = EpisodeChart;
COURSE_CHARTS.shares = ShareChart;
