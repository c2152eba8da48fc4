// A tag of a batch over the old process's matched points. Between them nothing is known, and nothing is drawn of it.
"use strict";

class DepartureChart extends TagChart {
  show(drawn) {
    super.show({ ...drawn, reference: null, old: null, limits: [], revised: [], alerts: drawn.alerts.map((alert) => ({ ...alert, concerns_tag: true })) });
    for (const state of ["inside", "outside", "not_seen", "ahead"]) {
      this.figure.dataset[state.replace("_", "")] = drawn.points.filter((point) => point.state === state).length;
    }
  }

  hourRange() {
    return [0, this.data.end_h * 1.01];
  }

  valueRange(low, high) {
    const seen = [];
    const take = (hour, ...values) => {
      if (hour >= low && hour <= high) seen.push(...values.filter((value) => value !== null));
    };
    const { hours, minimum, maximum } = this.data.series;
    hours.forEach((hour, i) => take(hour, minimum[i], maximum[i]));
    for (const { hour, value, expected, lower, upper } of this.data.points) take(hour, value, expected, lower, upper);
    if (!seen.length) return [0, 1];
    const [bottom, top] = seen.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const margin = (top - bottom || Math.abs(top) || 1) * 0.07;
    return [bottom - margin, top + margin * 1.6];
  }

  behind(u) {
    this.clipped(u, (pen, x, y) => {
      this.paintPhases(u, pen, x);
      this.paintUnknown(u, pen, x);
      this.paintExtremes(pen, x, y);
    });
  }

  above(u) {
    this.clipped(u, (pen, x, y) => {
      this.paintPhaseNames(u, pen, x);
      this.paintAlerts(u, pen, x);
      for (const point of this.data.points) this.paintPoint(pen, x(point.hour), y, point);
      this.paintUntil(u, pen, x);
    });
  }

  paintUnknown(u, pen, x) {
    pen.fillStyle = hatchPattern(pen, COLOURS.unknown);
    for (const { from_h: from, to_h: to } of this.data.unknown) pen.fillRect(x(from), u.bbox.top, x(to) - x(from), u.bbox.height);
  }

  paintPoint(pen, at, y, { state, value, expected, lower, upper }) {
    const px = devicePixelRatio, half = 4.5 * px;
    const met = state === "inside" || state === "outside";
    pen.strokeStyle = pen.fillStyle = COLOURS.old;
    pen.lineWidth = 1.5 * px;
    if (lower !== null && upper !== null) {
      if (!met) pen.setLineDash([2 * px, 3 * px]);
      pen.beginPath();
      pen.moveTo(at, y(lower));
      pen.lineTo(at, y(upper));
      for (const end of [lower, upper]) {
        pen.moveTo(at - half, y(end));
        pen.lineTo(at + half, y(end));
      }
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.beginPath();
    pen.arc(at, y(expected), 3.4 * px, 0, 2 * Math.PI);
    if (!met) {
      pen.fillStyle = "#ffffff";
      pen.fill();
      pen.stroke();
    } else pen.fill();
    if (met) this.paintMet(pen, at, y(value), px, state === "outside");
  }

  // What the batch showed at a point: a ring inside the interval, a diamond outside it.
  paintMet(pen, at, level, px, outside) {
    pen.strokeStyle = COLOURS.ink;
    pen.fillStyle = "#ffffff";
    pen.lineWidth = (outside ? 2.2 : 1.6) * px;
    pen.beginPath();
    if (outside) {
      const r = 6.5 * px;
      pen.moveTo(at, level - r);
      pen.lineTo(at + r, level);
      pen.lineTo(at, level + r);
      pen.lineTo(at - r, level);
      pen.closePath();
      pen.fill();
    } else pen.arc(at, level, 4.5 * px, 0, 2 * Math.PI);
    pen.stroke();
  }

  read(u) {
    const { left, idx } = u.cursor;
    if (left === null || left < 0 || idx === null || idx === undefined) return this.rest();
    const near = (hour) => Math.abs(u.valToPos(hour, "x") - left) < NEAR_PX;
    const point = this.data.points.find((one) => near(one.hour));
    const alert = this.data.alerts.find((one) => near(one.hour));
    this.output.classList.toggle("alerting", Boolean(alert && !point));
    if (point) this.output.textContent = this.words(point);
    else if (alert) this.output.textContent = `▲ ${alert.sentence}`;
    else this.output.textContent = `${u.data[0][idx].toFixed(1)} h: ${formatted(u.data[1][idx])} · nothing is known of the old process here`;
    return undefined;
  }

  words({ hour, state, value, expected, lower, upper, distance, limit }) {
    const old = `${hour.toFixed(1)} h: old ${formatted(expected)}${lower === null ? "" : ` (${formatted(lower)} … ${formatted(upper)})`}`;
    if (state === "not_seen") return `${old} · the batch was not seen here`;
    if (state === "not_kept") return `${old} · this run kept no single points`;
    if (state === "ahead") return `${old} · not compared yet`;
    const side = `${Math.abs(distance).toFixed(1)} old SD ${distance >= 0 ? "above" : "below"}`;
    return `${old} · batch ${formatted(value)}, ${side}, ${state} the interval${limit === null ? "" : `; an alert from ${limit.toFixed(1)}`}`;
  }

  rest() {
    this.output.classList.remove("alerting");
    const met = this.data.points.filter(({ state }) => state === "inside" || state === "outside");
    const inside = met.filter(({ state }) => state === "inside").length;
    this.output.textContent = met.length ? `${inside} of ${met.length} points inside` : "no point compared";
  }
}

CHARTS["departures/points"] = DepartureChart;
