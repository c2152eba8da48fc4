// One chart: the readings of a tag over the new reference's band and the old process's points, by process hour.
"use strict";

const COLOURS = {
  ink: "#14202b",
  quiet: "#5b6a76",
  grid: "#e3e8ec",
  phase: "#f4f6f8",
  band: "rgba(0, 103, 165, 0.16)",
  centre: "#0067a5",
  old: "#83317a",
  hatch: "rgba(131, 49, 122, 0.38)",
  unknown: "rgba(131, 49, 122, 0.22)",
  alert: "#c24a00",
  approved: "#8a96a0",
  corrected: "#7a5c00",
};
const BREAK_AFTER_STEPS = 3.5;
const NEAR_PX = 7;

function hatchPattern(context, colour = COLOURS.hatch) {
  const size = 7 * devicePixelRatio;
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = devicePixelRatio;
  for (const offset of [-size, 0, size]) {
    pen.moveTo(offset - 1, size + 1);
    pen.lineTo(offset + size + 1, -1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

// Where readings are missing the line must break: a null between two readings that lie too far apart.
function withBreaks(series) {
  const steps = [];
  for (let i = 1; i < series.hours.length; i++) steps.push(series.hours[i] - series.hours[i - 1]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] || 0;
  const hours = [], values = [];
  series.hours.forEach((hour, i) => {
    if (i && steps[i - 1] > BREAK_AFTER_STEPS * usual && series.hours.length > 200) {
      hours.push((hour + series.hours[i - 1]) / 2);
      values.push(null);
    }
    hours.push(hour);
    values.push(series.value[i]);
  });
  return [hours, values];
}

function formatted(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

class TagChart {
  constructor(figure) {
    this.figure = figure;
    this.plotAt = figure.querySelector(".plot");
    this.output = figure.querySelector("output");
    this.unit = figure.querySelector(".unit");
    this.inView = figure.querySelector(".in-view");
    this.data = null;
    this.plot = null;
  }

  show(overlay) {
    this.data = overlay;
    this.unit.textContent = overlay.unit_of_measure === "1" ? "" : overlay.unit_of_measure;
    this.rest();
    const table = withBreaks(overlay.series);
    if (this.plot) {
      // A zoom stays while data arrives; the first view always shows everything.
      this.plot.setData(table, !this.zoomed());
    } else {
      this.plot = new uPlot(this.options(), table, this.plotAt);
      this.resizing = new ResizeObserver(() => this.fit());
      this.resizing.observe(this.plotAt);
    }
    this.figure.dataset.points = overlay.series.hours.length;
    this.figure.dataset.alerts = overlay.alerts.filter((alert) => alert.concerns_tag).length;
    this.figure.dataset.corrected = overlay.revised.reduce((sum, act) => sum + act.readings, 0);
    this.figure.dataset.old = overlay.old ? overlay.old.hours.length : 0;
  }

  fit() {
    const width = Math.floor(this.plotAt.clientWidth);
    if (width && width !== this.plot.width) this.plot.setSize({ width, height: this.height() });
  }

  height() {
    return this.figure.parentElement.classList.contains("one") ? 300 : 236;
  }

  zoomed() {
    const x = this.plot.scales.x;
    const [low, high] = this.hourRange();
    return Math.abs(x.min - low) > 0.01 || Math.abs(x.max - high) > 0.01 ? x.min > low + 0.01 || x.max < high - 0.5 : false;
  }

  hourRange() {
    const { reference, until_h: until, phases } = this.data;
    const last = phases.length ? phases[phases.length - 1] : null;
    const end = Math.max(reference ? reference.hours.at(-1) : 0, until || 0, last && last.to_h ? last.to_h : 0, 1);
    return [0, end * 1.005];
  }

  valueRange(low, high) {
    const seen = [];
    const inside = (hour) => hour >= low && hour <= high;
    const take = (curve, names) => {
      if (!curve) return;
      curve.hours.forEach((hour, i) => {
        if (inside(hour)) for (const name of names) if (curve[name][i] !== null) seen.push(curve[name][i]);
      });
    };
    take(this.data.series, ["minimum", "maximum"]);
    take(this.data.reference, ["lower", "upper"]);
    take(this.data.old, ["lower", "upper"]);
    if (!seen.length) return [0, 1];
    let [bottom, top] = seen.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const margin = (top - bottom || Math.abs(top) || 1) * 0.07;
    return [bottom - margin, top + margin * 1.6];
  }

  options() {
    const axis = { stroke: COLOURS.quiet, font: "12px system-ui, sans-serif", ticks: { show: false } };
    return {
      width: Math.max(200, Math.floor(this.plotAt.clientWidth)),
      height: this.height(),
      padding: [16, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "batch", setSeries: false }, drag: { x: true, y: false }, points: { size: 6, fill: COLOURS.ink } },
      scales: {
        x: { time: false, range: (u, low, high) => (low === null || this.whole(u, low, high) ? this.hourRange() : [low, high]) },
        y: { range: (u) => this.valueRange(u.scales.x.min ?? 0, u.scales.x.max ?? 1e9) },
      },
      axes: [
        { ...axis, grid: { stroke: COLOURS.grid, width: 1 }, incrs: [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96], space: 44, size: 26, values: (u, at) => at.map((hour) => `${hour} h`) },
        { ...axis, grid: { stroke: COLOURS.grid, width: 1 }, size: 52 },
      ],
      series: [{}, { stroke: COLOURS.ink, width: 1.6, points: { show: this.data.series.hours.length <= 80, size: 5, fill: COLOURS.ink }, spanGaps: false }],
      hooks: {
        drawClear: [(u) => this.behind(u)],
        draw: [(u) => this.above(u)],
        setCursor: [(u) => this.read(u)],
        setScale: [(u, key) => key === "x" && this.offer(u)],
      },
    };
  }

  // Zoomed in, the chart leads to the corrections of what it shows, to the second.
  offer(u) {
    if (!this.inView) return;
    const { batch, started } = this.figure.parentElement.dataset;
    const [low, high] = this.hourRange(), { min, max } = u.scales.x;
    this.inView.hidden = !started || (min <= low + 0.01 && max >= high - 0.01);
    if (this.inView.hidden) return;
    const moment = (hour) => {
      const second = Math.ceil(Date.parse(started) / 1000 + hour * 3600);
      return new Date(second * 1000).toISOString().slice(0, 19).replace("T", " ");
    };
    const asked = new URLSearchParams({ tag: this.figure.dataset.tag, since: moment(Math.max(min, 0)), until: moment(max) });
    this.inView.href = `/batches/${encodeURIComponent(batch)}/corrections?${asked}`;
  }

  // uPlot proposes the extent of the readings when nobody has zoomed: the whole course is shown instead.
  whole(u, low, high) {
    const hours = u.data[0];
    return !hours.length || (low <= hours[0] + 1e-9 && high >= hours.at(-1) - 1e-9);
  }

  clipped(u, paint) {
    const pen = u.ctx;
    pen.save();
    pen.beginPath();
    pen.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    pen.clip();
    paint(pen, (hour) => u.valToPos(hour, "x", true), (value) => u.valToPos(value, "y", true));
    pen.restore();
  }

  behind(u) {
    this.clipped(u, (pen, x, y) => {
      this.paintPhases(u, pen, x);
      this.paintBand(pen, x, y);
      this.paintApproved(u, pen, y);
      this.paintHatch(pen, x, y);
      this.paintExtremes(pen, x, y);
    });
  }

  paintPhases(u, pen, x) {
    const { top, height } = u.bbox;
    this.data.phases.forEach((phase, i) => {
      const from = x(phase.from_h), to = x(phase.to_h ?? this.hourRange()[1]);
      if (i % 2 === 1) {
        pen.fillStyle = COLOURS.phase;
        pen.fillRect(from, top, to - from, height);
      }
      pen.fillStyle = "#c3ccd3";
      pen.fillRect(from, top, devicePixelRatio, height);
    });
  }

  // Above the grid, and only where a name has room in its phase.
  paintPhaseNames(u, pen, x) {
    pen.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    pen.textBaseline = "top";
    pen.textAlign = "left";
    pen.fillStyle = COLOURS.quiet;
    for (const phase of this.data.phases) {
      const from = Math.max(x(phase.from_h), u.bbox.left), to = x(phase.to_h ?? this.hourRange()[1]);
      if (pen.measureText(phase.phase).width < to - from - 5 * devicePixelRatio) {
        pen.fillText(phase.phase, from + 4 * devicePixelRatio, u.bbox.top + 3 * devicePixelRatio);
      }
    }
  }

  // Pieces of a curve without its unknown cells.
  pieces(curve) {
    const found = [];
    let piece = [];
    curve.hours.forEach((hour, i) => {
      if (curve.center[i] === null || curve.lower[i] === null || curve.upper[i] === null) {
        if (piece.length) found.push(piece);
        piece = [];
      } else piece.push(i);
    });
    if (piece.length) found.push(piece);
    return found;
  }

  paintBand(pen, x, y) {
    const curve = this.data.reference;
    if (!curve) return;
    for (const piece of this.pieces(curve)) {
      pen.beginPath();
      piece.forEach((i) => pen.lineTo(x(curve.hours[i]), y(curve.upper[i])));
      [...piece].reverse().forEach((i) => pen.lineTo(x(curve.hours[i]), y(curve.lower[i])));
      pen.closePath();
      pen.fillStyle = COLOURS.band;
      pen.fill();
      pen.beginPath();
      piece.forEach((i) => pen.lineTo(x(curve.hours[i]), y(curve.center[i])));
      pen.strokeStyle = COLOURS.centre;
      pen.lineWidth = 1.2 * devicePixelRatio;
      pen.stroke();
    }
  }

  paintApproved(u, pen, y) {
    pen.strokeStyle = COLOURS.approved;
    pen.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const limit of this.data.limits) {
      for (const value of [limit.low, limit.high]) {
        if (value === null) continue;
        pen.beginPath();
        pen.moveTo(u.bbox.left, y(value));
        pen.lineTo(u.bbox.left + u.bbox.width, y(value));
        pen.stroke();
      }
    }
    pen.setLineDash([]);
  }

  // Between two old points nobody read anything: the space is hatched, never joined by a line.
  paintHatch(pen, x, y) {
    const old = this.data.old;
    if (!old || old.hours.length < 2) return;
    pen.fillStyle = hatchPattern(pen);
    for (let i = 1; i < old.hours.length; i++) {
      const from = old.hours[i - 1] + (old.window_h || 0), to = old.hours[i] - (old.window_h || 0);
      if (to <= from) continue;
      pen.beginPath();
      pen.moveTo(x(from), y(old.upper[i - 1]));
      pen.lineTo(x(to), y(old.upper[i]));
      pen.lineTo(x(to), y(old.lower[i]));
      pen.lineTo(x(from), y(old.lower[i - 1]));
      pen.closePath();
      pen.fill();
    }
  }

  paintExtremes(pen, x, y) {
    const { hours, minimum, maximum } = this.data.series;
    pen.strokeStyle = "rgba(20, 32, 43, 0.28)";
    pen.lineWidth = devicePixelRatio;
    pen.beginPath();
    hours.forEach((hour, i) => {
      if (maximum[i] > minimum[i]) {
        pen.moveTo(x(hour), y(minimum[i]));
        pen.lineTo(x(hour), y(maximum[i]));
      }
    });
    pen.stroke();
  }

  above(u) {
    this.clipped(u, (pen, x, y) => {
      this.paintPhaseNames(u, pen, x);
      this.paintOld(pen, x, y);
      this.paintUntil(u, pen, x);
      this.paintRevised(u, pen, x, y);
      this.paintAlerts(u, pen, x);
    });
  }

  // What holds by the word of a person: a ring round each corrected point, a bar below where readings were revised.
  paintRevised(u, pen, x, y) {
    const { hours, value, corrected } = this.data.series;
    pen.strokeStyle = pen.fillStyle = COLOURS.corrected;
    pen.lineWidth = 1.6 * devicePixelRatio;
    hours.forEach((hour, i) => {
      if (!corrected[i]) return;
      pen.beginPath();
      pen.arc(x(hour), y(value[i]), 4 * devicePixelRatio, 0, 2 * Math.PI);
      pen.stroke();
    });
    const high = 5 * devicePixelRatio, bottom = u.bbox.top + u.bbox.height;
    for (const act of this.data.revised) {
      const from = x(act.from_h), wide = Math.max(x(act.to_h) - from, 3 * devicePixelRatio);
      if (act.kind === "invalidated") pen.strokeRect(from, bottom - high, wide, high - devicePixelRatio);
      else pen.fillRect(from, bottom - high, wide, high);
    }
  }

  paintOld(pen, x, y) {
    const old = this.data.old;
    if (!old) return;
    const r = 3.6 * devicePixelRatio, half = 4 * devicePixelRatio;
    pen.strokeStyle = pen.fillStyle = COLOURS.old;
    pen.lineWidth = 1.5 * devicePixelRatio;
    old.hours.forEach((hour, i) => {
      const at = x(hour);
      pen.beginPath();
      if (old.lower[i] !== null && old.upper[i] !== null) {
        const low = y(old.lower[i]), high = y(old.upper[i]);
        pen.moveTo(at, low);
        pen.lineTo(at, high);
        for (const end of [low, high]) {
          pen.moveTo(at - half, end);
          pen.lineTo(at + half, end);
        }
      }
      pen.stroke();
      pen.beginPath();
      pen.arc(at, y(old.center[i]), r, 0, 2 * Math.PI);
      pen.fill();
    });
  }

  paintUntil(u, pen, x) {
    if (this.data.until_h === null) return;
    const at = x(this.data.until_h);
    const { top, height, left, width } = u.bbox;
    pen.strokeStyle = COLOURS.ink;
    pen.lineWidth = devicePixelRatio;
    pen.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    pen.beginPath();
    pen.moveTo(at, top);
    pen.lineTo(at, top + height);
    pen.stroke();
    pen.setLineDash([]);
    const words = `data until ${this.data.until_h.toFixed(1)} h`;
    pen.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
    pen.textBaseline = "bottom";
    pen.textAlign = "left";
    const wide = pen.measureText(words).width + 8 * devicePixelRatio;
    const from = at + wide + 3 * devicePixelRatio < left + width ? at + 4 * devicePixelRatio : at - wide;
    pen.fillStyle = "rgba(255, 255, 255, 0.82)";
    pen.fillRect(from - 2 * devicePixelRatio, top + height - 18 * devicePixelRatio, wide, 15 * devicePixelRatio);
    pen.fillStyle = COLOURS.ink;
    pen.fillText(words, from, top + height - 4 * devicePixelRatio);
  }

  paintAlerts(u, pen, x) {
    const { top, height } = u.bbox;
    const r = devicePixelRatio;
    for (const alert of this.data.alerts) {
      if (!alert.concerns_tag) continue;
      const at = x(alert.hour), onset = x(alert.onset_hour);
      const end = x(alert.ended_hour ?? this.data.until_h ?? alert.hour);
      pen.fillStyle = "rgba(194, 74, 0, 0.09)";
      pen.fillRect(onset, top, Math.max(end - onset, 2 * r), height);
      pen.strokeStyle = pen.fillStyle = COLOURS.alert;
      pen.lineWidth = 1.4 * r;
      pen.beginPath();
      pen.moveTo(at, top + 20 * r);
      pen.lineTo(at, top + height);
      pen.stroke();
      pen.beginPath();
      pen.moveTo(at, top + 14 * r);
      pen.lineTo(at + 7 * r, top + 27 * r);
      pen.lineTo(at - 7 * r, top + 27 * r);
      pen.closePath();
      pen.fill();
    }
  }

  // What is under the cursor, in words: readings, band, old point, and the sentence of an alert nearby.
  read(u) {
    const { left, idx } = u.cursor;
    if (left === null || left < 0 || idx === null || idx === undefined) return this.rest();
    const hour = u.posToVal(left, "x");
    const near = this.data.alerts.find((alert) => alert.concerns_tag && Math.abs(u.valToPos(alert.hour, "x") - left) < NEAR_PX);
    this.output.classList.toggle("alerting", Boolean(near));
    if (near) {
      this.output.textContent = `▲ ${near.sentence}`;
      return undefined;
    }
    const words = [`${u.data[0][idx].toFixed(1)} h: ${formatted(u.data[1][idx])}`];
    const at = (curve) => curve && curve.hours.findIndex((h, i) => Math.abs(h - hour) <= Math.abs((curve.hours[i + 1] ?? Infinity) - hour));
    const cell = at(this.data.reference);
    if (cell >= 0 && this.data.reference) words.push(`band ${formatted(this.data.reference.lower[cell])} … ${formatted(this.data.reference.upper[cell])}`);
    const point = at(this.data.old);
    if (point >= 0 && this.data.old && Math.abs(u.valToPos(this.data.old.hours[point], "x") - left) < NEAR_PX) {
      words.push(`old ${formatted(this.data.old.center[point])} (${formatted(this.data.old.lower[point])} … ${formatted(this.data.old.upper[point])})`);
    }
    this.output.textContent = words.join(" · ");
    return undefined;
  }

  rest() {
    this.output.classList.remove("alerting");
    const value = this.data.series.value.at(-1);
    this.output.textContent = value === undefined ? "no readings" : `last ${formatted(value)}`;
  }
}

// By the route that answers what a chart draws of a tag.
const CHARTS = { overlay: TagChart };
