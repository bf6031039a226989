// What a day of a strip says, next to the pointer or the finger; to others the strip's label says it in sum.
(() => {
  const WORDS = { s: "succeeded", w: "with warnings", f: "failed", n: "nothing ran" };
  const DAY_MS = 86_400_000;
  const named = new Intl.DateTimeFormat("en", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  let tip = null;

  function said(strip, x) {
    const box = strip.getBoundingClientRect();
    const days = strip.dataset.days;
    const place = Math.min(Math.max(Math.floor(((x - box.left) / box.width) * days.length), 0), days.length - 1);
    const today = Date.parse(strip.closest("[data-until]").dataset.until);
    return `${named.format(today - (days.length - 1 - place) * DAY_MS)}: ${WORDS[days[place]]}`;
  }

  function show(strip, x) {
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
      tip.setAttribute("aria-hidden", "true");
      document.body.append(tip);
    }
    tip.hidden = false;
    tip.textContent = said(strip, x);
    const left = Math.min(x + 8, innerWidth - tip.offsetWidth - 4);
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${strip.getBoundingClientRect().top - tip.offsetHeight - 4}px`;
  }

  function hide() {
    if (tip) tip.hidden = true;
  }

  function follow(event) {
    const strip = event.target.closest?.("[data-days]");
    if (strip) show(strip, event.clientX);
    else hide();
  }

  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerdown", follow);
  document.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
})();
