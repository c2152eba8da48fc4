// A page that refreshes itself says so when it no longer can: old data is never shown as current.
"use strict";

const LOST_AFTER_MS = 8000;

const live = { lastMs: Date.now() };

// Only what the page shows as live makes it fresh again: not a banner, and not that somebody looks at it.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.closest("[data-live]")) live.lastMs = Date.now();
});

document.addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("[data-live]")) return;
  const banner = document.getElementById("stale");
  const check = () => {
    const lost = Date.now() - live.lastMs > LOST_AFTER_MS;
    banner.hidden = !lost;
    document.body.classList.toggle("lost", lost);
    if (lost) {
      document.getElementById("stale-since").textContent = new Date(live.lastMs).toISOString().slice(0, 19).replace("T", " ") + " UTC";
    }
  };
  setInterval(check, 1000);
  // A tab that slept shows what it had then: it says so at once, and until it has heard from the server again.
  document.addEventListener("visibilitychange", check);
  window.addEventListener("pageshow", check);
});
