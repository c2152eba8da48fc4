// A page that refreshes itself says so when it no longer can: old data is never shown as current.
"use strict";

const LOST_AFTER_MS = 8000;

const live = { lastMs: Date.now() };

// Called by whatever on the page has just received fresh data.
window.batchwitnessFresh = () => {
  live.lastMs = Date.now();
};

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) window.batchwitnessFresh();
});

document.addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("[data-live]")) return;
  const banner = document.getElementById("stale");
  setInterval(() => {
    const lost = Date.now() - live.lastMs > LOST_AFTER_MS && document.visibilityState === "visible";
    banner.hidden = !lost;
    document.body.classList.toggle("lost", lost);
    if (lost) {
      document.getElementById("stale-since").textContent = new Date(live.lastMs).toISOString().slice(0, 19).replace("T", " ") + " UTC";
    }
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") live.lastMs = Date.now();
  });
});
