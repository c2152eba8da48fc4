// The charts of a batch: drawn when they come into view, drawn again when data has arrived.
"use strict";

const AT_ONCE = 4;
const REDRAW_EVERY_MS = 4000;

document.addEventListener("DOMContentLoaded", () => {
  const holder = document.getElementById("charts");
  if (!holder) return;
  const { batch, run, route = "overlay" } = holder.dataset;
  const charts = [...holder.querySelectorAll(".chart")].map((figure) => ({
    tag: figure.dataset.tag, chart: new CHARTS[route](figure), visible: false, shown: null, figure,
  }));
  const address = (tag) => `/v1/batches/${encodeURIComponent(batch)}/${route}?${new URLSearchParams({ tag, ...(run && { run }) })}`;
  const stateOfData = () => {
    const head = document.getElementById("state");
    return head ? `${head.dataset.until}|${head.dataset.alerts}` : "once";
  };
  let running = 0;

  async function draw(entry, state) {
    running += 1;
    try {
      const answer = await fetch(address(entry.tag), { credentials: "same-origin" });
      if (answer.status === 401) window.location.reload();
      if (!answer.ok) throw new Error(`${answer.status}`);
      entry.chart.show(await answer.json());
      entry.shown = state;
      entry.figure.classList.remove("failed");
    } catch {
      entry.figure.classList.add("failed");
    } finally {
      running -= 1;
      entry.lastMs = Date.now();
      next();
    }
  }

  function next() {
    const state = stateOfData();
    for (const entry of charts) {
      if (running >= AT_ONCE) return;
      const due = entry.shown !== state && Date.now() - (entry.lastMs ?? 0) > REDRAW_EVERY_MS;
      if (entry.visible && due) {
        entry.lastMs = Date.now();
        draw(entry, state);
      }
    }
  }

  const watching = new IntersectionObserver((changes) => {
    for (const change of changes) charts.find((entry) => entry.figure === change.target).visible = change.isIntersecting;
    next();
  }, { rootMargin: "200px" });
  for (const entry of charts) watching.observe(entry.figure);
  setInterval(next, 1000);
});
