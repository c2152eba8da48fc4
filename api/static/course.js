// The course of a batch: how near each tag came to its limits, cell by cell, with alerts and what was done below it.
"use strict";

const SHADES = [[0, "#f3f6f8"], [0.25, "#dbe7ef"], [0.5, "#b7d0e1"], [0.75, "#8fb6d1"], [1, "#f0a35c"], [1.5, "#d9661f"], [2.5, "#a32a00"]];
const MARKS = {
  material_used: ["M", "#2d6a4f"],
  intervention: ["I", "#0067a5"],
  plant_alarm: ["A", "#c24a00"],
  calibration: ["C", "#83317a"],
  out_of_service: ["O", "#5b6a76"],
  in_service: ["S", "#5b6a76"],
};
const LINES = ["#14202b", "#0067a5", "#83317a", "#2d6a4f"];
const ROW_PX = 17;
const COURSE_EVERY_MS = 10000;

function shade(ratio) {
  let colour = SHADES[0][1];
  for (const [from, each] of SHADES) if (ratio >= from) colour = each;
  return colour;
}

// The hour at which every chart of the course ends, so that they share one axis.
function courseEnd({ hours, until_h: until, phases, marks }) {
  const last = phases.length ? phases[phases.length - 1] : null;
  return 1.005 * Math.max(1, hours.at(-1) ?? 0, until ?? 0, last?.to_h ?? 0, marks.at(-1)?.hour ?? 0);
}

// As far as the batch has been judged: what lasts lasts that far, and nobody knows more.
function judgedUntil({ hours, until_h: until }) {
  return hours.at(-1) ?? until;
}

// As wide beside every chart of the course, so that an hour stands below the same hour.
function axisSize(plotAt) {
  return plotAt.clientWidth < 500 ? 92 : 150;
}

class CourseChart {
  constructor(figure) {
    this.figure = figure;
    this.plotAt = figure.querySelector(".plot");
    this.output = figure.querySelector("output");
    this.mine = (figure.dataset.tags || "").split("|").filter(Boolean);
    this.alert = Number(figure.dataset.alert || 0);
    this.plot = null;
  }

  show(course) {
    this.course = course;
    // The tags of the alert first, then the nearest to its limits first.
    const worst = (at) => Math.max(0, ...course.ratio[at].map((one) => one ?? 0));
    const place = (at) => (this.mine.includes(course.tags[at]) ? this.mine.indexOf(course.tags[at]) : 1000);
    this.rows = course.tags.map((_, at) => at).sort((a, b) => place(a) - place(b) || worst(b) - worst(a));
    this.lanes = [...new Set(course.marks.map((mark) => mark.kind))].sort();
    this.figure.dataset.cells = course.hours.length;
    this.figure.dataset.marks = course.marks.length;
    this.figure.hidden = !course.hours.length && !course.marks.length;
    if (this.figure.hidden) return;
    if (this.plot) this.plot.destroy();
    this.plot = new uPlot(this.options(), [[0, courseEnd(this.course)], [null, null]], this.plotAt);
    this.rest();
    if (!this.resizing) {
      this.resizing = new ResizeObserver(() => {
        const width = Math.floor(this.plotAt.clientWidth);
        if (width && width !== this.plot.width) this.plot.setSize({ width, height: this.height() });
      });
      this.resizing.observe(this.plotAt);
    }
  }

  count() {
    return this.rows.length + this.lanes.length;
  }

  height() {
    return this.count() * ROW_PX + 44;
  }

  options() {
    const narrow = this.plotAt.clientWidth < 500;
    const names = [...this.rows.map((at) => this.course.tags[at]), ...this.lanes.map((kind) => kind.replaceAll("_", " "))];
    const axis = { stroke: COLOURS.quiet, font: "12px system-ui, sans-serif", ticks: { show: false } };
    return {
      width: Math.max(200, Math.floor(this.plotAt.clientWidth)),
      height: this.height(),
      padding: [6, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "batch", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false }, points: { show: false } },
      scales: {
        x: { time: false, range: (u, low, high) => (low === null || low === high ? [0, courseEnd(this.course)] : [low, high]) },
        y: { dir: -1, range: () => [0, this.count()] },
      },
      axes: [
        { ...axis, grid: { show: false }, incrs: [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96], space: 44, size: 26, values: (u, at) => at.map((hour) => `${hour} h`) },
        { ...axis, grid: { show: false }, size: axisSize(this.plotAt), splits: () => names.map((_, i) => i + 0.5), values: () => names.map((name) => (narrow && name.length > 12 ? `${name.slice(0, 11)}…` : name)) },
      ],
      series: [{}, { show: false }],
      hooks: { draw: [(u) => this.paint(u)], setCursor: [(u) => this.read(u)] },
    };
  }

  paint(u) {
    const pen = u.ctx, px = devicePixelRatio;
    const x = (hour) => u.valToPos(hour, "x", true), y = (row) => u.valToPos(row, "y", true);
    const { hours, ratio } = this.course;
    pen.save();
    pen.beginPath();
    pen.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    pen.clip();
    const width = hours.length > 1 ? Math.min(...hours.slice(1).map((hour, i) => hour - hours[i])) : 0.5;
    this.rows.forEach((at, row) => {
      ratio[at].forEach((one, i) => {
        if (one === null) return;
        pen.fillStyle = shade(one);
        const from = x(hours[i] - width);
        pen.fillRect(from, y(row) + px, Math.max(x(hours[i]) - from + 0.5, px), y(row + 1) - y(row) - 2 * px);
      });
    });
    pen.lineWidth = px;
    pen.strokeStyle = "#c3ccd3";
    for (const phase of this.course.phases) this.line(pen, x(phase.from_h), u.bbox);
    this.paintAlerts(u, pen, x, y, px);
    pen.restore();
    this.lanes.forEach((kind, lane) => this.paintMarks(u, x, y, px, kind, this.rows.length + lane));
  }

  line(pen, at, { top, height }) {
    pen.beginPath();
    pen.moveTo(at, top);
    pen.lineTo(at, top + height);
    pen.stroke();
  }

  paintAlerts(u, pen, x, y, px) {
    for (const alert of this.course.alerts) {
      const mine = alert.alert === this.alert;
      pen.strokeStyle = COLOURS.alert;
      pen.lineWidth = (mine ? 2.2 : 1.2) * px;
      this.rows.forEach((at, row) => {
        if (!alert.tags.includes(this.course.tags[at])) return;
        const from = x(alert.onset_hour), to = x(alert.ended_hour ?? Math.max(judgedUntil(this.course) ?? 0, alert.hour));
        pen.strokeRect(from, y(row) + px, Math.max(to - from, 2 * px), y(row + 1) - y(row) - 2 * px);
      });
      if (mine) {
        pen.setLineDash([4 * px, 3 * px]);
        this.line(pen, x(alert.hour), u.bbox);
        pen.setLineDash([]);
      }
    }
  }

  // Those at the very beginning and end stand half outside.
  paintMarks(u, x, y, px, kind, row) {
    const pen = u.ctx, { min, max } = u.scales.x;
    const [letter, colour] = MARKS[kind] ?? ["?", COLOURS.quiet];
    const middle = (y(row) + y(row + 1)) / 2, r = 6 * px;
    pen.font = `700 ${9 * px}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const mark of this.course.marks) {
      if (mark.kind !== kind || mark.hour < min || mark.hour > max) continue;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x(mark.hour), middle, r, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = "#ffffff";
      pen.fillText(letter, x(mark.hour), middle + 0.5 * px);
    }
  }

  read(u) {
    const { left, top } = u.cursor;
    if (left === null || left < 0) return this.rest();
    const hour = u.posToVal(left, "x");
    const row = top === null || top < 0 ? -1 : Math.floor(u.posToVal(top, "y"));
    if (row >= this.rows.length && row < this.count()) return this.readMarks(u, hour, this.lanes[row - this.rows.length]);
    const i = this.course.hours.findIndex((end) => end >= hour);
    const at = this.rows[Math.max(row, 0)];
    if (i < 0 || at === undefined) return this.rest();
    const one = this.course.ratio[at][i];
    const said = one === null ? "not judged" : `${(100 * one).toFixed(0)} % of its limit (${this.course.layer[at][i]})`;
    this.output.textContent = `${this.course.tags[at]} at ${this.course.hours[i].toFixed(1)} h: ${said}`;
  }

  readMarks(u, hour, kind) {
    const near = this.course.marks
      .filter((mark) => mark.kind === kind && Math.abs(u.valToPos(mark.hour, "x") - u.cursor.left) < 12)
      .map((mark) => `${mark.hour.toFixed(1)} h ${mark.unit}${mark.tag ? ` ${mark.tag}` : ""}${mark.said ? `: ${mark.said}` : ""}`);
    this.output.textContent = near.length ? `${kind.replaceAll("_", " ")}, ${near.join("; ")}` : "";
  }

  rest() {
    this.output.textContent = "point at it to read it";
  }
}

// Score over limit of a few tags; the limit is the line at 1.
class ScoreChart {
  constructor(figure) {
    this.figure = figure;
    this.plotAt = figure.querySelector(".plot");
    this.output = figure.querySelector("output");
    this.mine = figure.dataset.tags.split("|").filter(Boolean);
    this.alert = Number(figure.dataset.alert);
    this.plot = null;
  }

  show(course) {
    this.course = course;
    this.shown = this.mine.filter((tag) => course.tags.includes(tag)).slice(0, LINES.length);
    this.figure.hidden = !this.shown.length;
    if (this.figure.hidden) return;
    const table = [course.hours, ...this.shown.map((tag) => course.ratio[course.tags.indexOf(tag)])];
    this.figure.dataset.points = course.hours.length;
    if (this.plot) return this.plot.setData(table);
    this.output.textContent = this.shown.join(", ");
    const axis = { stroke: COLOURS.quiet, font: "12px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: COLOURS.grid, width: 1 } };
    this.plot = new uPlot({
      width: Math.max(200, Math.floor(this.plotAt.clientWidth)),
      height: 200,
      padding: [16, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "batch", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false } },
      scales: {
        x: { time: false, range: (u, low, high) => (this.whole(u, low, high) ? [0, courseEnd(this.course)] : [low, high]) },
        y: { range: (u, low, high) => [0, Math.max(1.3, high * 1.08)] },
      },
      axes: [
        { ...axis, incrs: [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96], space: 44, size: 26, values: (u, at) => at.map((hour) => `${hour} h`) },
        { ...axis, size: axisSize(this.plotAt), values: (u, at) => at.map((one) => `${Math.round(100 * one)} %`) },
      ],
      series: [{}, ...this.shown.map((tag, i) => ({ label: tag, stroke: LINES[i], width: i ? 1.2 : 2, points: { show: false } }))],
      hooks: { draw: [(u) => this.paint(u)], setCursor: [(u) => this.read(u)] },
    }, table, this.plotAt);
    new ResizeObserver(() => {
      const width = Math.floor(this.plotAt.clientWidth);
      if (width && width !== this.plot.width) this.plot.setSize({ width, height: 200 });
    }).observe(this.plotAt);
  }

  // uPlot proposes the extent of the scores when nobody has zoomed.
  whole(u, low, high) {
    const hours = u.data[0];
    return low === null || (low <= hours[0] + 1e-9 && high >= hours.at(-1) - 1e-9);
  }

  paint(u) {
    const pen = u.ctx, px = devicePixelRatio, { left, top, width, height } = u.bbox;
    pen.save();
    pen.strokeStyle = COLOURS.alert;
    pen.lineWidth = 1.6 * px;
    pen.beginPath();
    pen.moveTo(left, u.valToPos(1, "y", true));
    pen.lineTo(left + width, u.valToPos(1, "y", true));
    pen.stroke();
    const alert = this.course.alerts.find((one) => one.alert === this.alert);
    if (alert) {
      const raised = u.valToPos(alert.hour, "x", true), onset = u.valToPos(alert.onset_hour, "x", true);
      pen.fillStyle = "rgba(194, 74, 0, 0.12)";
      pen.fillRect(onset, top, Math.max(raised - onset, px), height);
      pen.setLineDash([4 * px, 3 * px]);
      pen.beginPath();
      pen.moveTo(raised, top);
      pen.lineTo(raised, top + height);
      pen.stroke();
    }
    pen.restore();
  }

  read(u) {
    const i = u.cursor.idx;
    if (i === null || i === undefined) {
      this.output.textContent = this.shown.join(", ");
      return;
    }
    const said = this.shown.map((tag, k) => `${tag} ${u.data[k + 1][i] === null ? "–" : `${Math.round(100 * u.data[k + 1][i])} %`}`);
    this.output.textContent = `${u.data[0][i].toFixed(1)} h: ${said.join(", ")}`;
  }
}

const COURSE_CHARTS = { course: CourseChart, score: ScoreChart };

document.addEventListener("DOMContentLoaded", () => {
  const figures = [...document.querySelectorAll("figure.course")];
  if (!figures.length) return;
  const { batch, run } = figures[0].dataset;
  const address = `/v1/batches/${encodeURIComponent(batch)}/course${run ? `?run=${run}` : ""}`;
  const charts = figures.map((figure) => new COURSE_CHARTS[figure.dataset.draws](figure));
  const head = () => document.getElementById("state");
  let shown = null;
  async function draw() {
    const state = head() ? `${head().dataset.until}|${head().dataset.alerts}` : "once";
    if (state === shown) return;
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const course = await answer.json();
      await Promise.all(charts.map((chart) => chart.show(course)));
      shown = state;
      for (const figure of figures) figure.classList.remove("failed");
    } catch {
      for (const figure of figures) figure.classList.add("failed");
    }
  }
  draw();
  setInterval(draw, COURSE_EVERY_MS);
});
