// Selecting many alerts, and what becomes of the selection.
(() => {
  const picks = () => [...document.querySelectorAll("[data-pick]:not(:disabled)")];

  function count() {
    const all = picks();
    const picked = all.filter((pick) => pick.checked).length;
    const every = document.getElementById("select-all");
    if (!every) return;
    every.checked = picked > 0 && picked === all.length;
    every.indeterminate = picked > 0 && picked < all.length;
    every.closest("label").hidden = all.length === 0;
    document.getElementById("selected").textContent = picked ? `${picked} selected` : "Select all";
  }

  function clear() {
    for (const pick of document.querySelectorAll("[data-pick]")) pick.checked = false;
    document.getElementById("bulk-note").value = "";
    count();
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "select-all") for (const pick of picks()) pick.checked = event.target.checked;
    if (event.target.matches("#select-all, [data-pick]")) count();
  });
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close) document.getElementById(close.dataset.close).replaceChildren();
  });
  document.addEventListener("DOMContentLoaded", count);
  document.addEventListener("htmx:after:swap", (event) => {
    // What was selected has been dealt with, and the answer says how.
    if (event.detail.ctx.sourceElement?.closest("#bulk")) {
      clear();
      htmx.trigger(document.body, "acted");
    }
    count();
  });
})();
