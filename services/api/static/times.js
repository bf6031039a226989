// Times as people say them, in the reader's zone; the exact moment is the title.
(() => {
  const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [86400 * 14, "day", 86400]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function said(at, now) {
    const seconds = Math.round((at - now) / 1000);
    const step = STEPS.find(([below]) => Math.abs(seconds) < below);
    return step ? relative.format(Math.round(seconds / step[2]), step[1]) : date.format(at);
  }

  function show(root) {
    const now = Date.now();
    for (const element of root.querySelectorAll("time[datetime]")) {
      const at = new Date(element.dateTime);
      if (isNaN(at)) continue;
      const text = element.dataset.exact === undefined ? said(at, now) : exact.format(at);
      if (element.textContent !== text) element.textContent = text;
      element.title = exact.format(at);
    }
  }

  document.addEventListener("DOMContentLoaded", () => show(document));
  document.addEventListener("htmx:after:swap", () => show(document));
  setInterval(() => document.hidden || show(document), 15_000);
})();
