// The keyboard: j and k go from row to row, x selects, a and r act, / searches, ? says so.
//
// The row one is at is the one with the focus, so Enter opens it and a screen reader reads it. Keys do nothing while
// something is typed, while a dialog is open, or once they are switched off in the help.
(() => {
  const OFF = "keepwatch-keys-off";
  let place = 0; // where the last row was, in case it has gone meanwhile

  const rows = () => [...document.querySelectorAll("[data-row]")];

  function current() {
    const all = rows();
    const focused = all.findIndex((row) => row.contains(document.activeElement));
    if (focused >= 0) place = focused;
    return focused >= 0 ? all[focused] : null;
  }

  function go(step) {
    const all = rows();
    if (all.length === 0) return;
    const at = current() ? place + step : place;
    place = Math.max(0, Math.min(at, all.length - 1));
    const link = all[place].querySelector("[data-row-link]");
    link.focus({ focusVisible: true });
    all[place].scrollIntoView({ block: "nearest" });
  }

  function select() {
    current()?.querySelector("[data-pick]:not(:disabled)")?.click();
  }

  function act(key) {
    if (document.querySelector("[data-pick]:checked")) document.querySelector(`[data-bulk-key="${key}"]`)?.click();
    else (current() ?? document.querySelector("main:not(:has([data-row]))"))?.querySelector(`[data-key="${key}"]`)?.click();
  }

  function help() {
    const dialog = document.getElementById("keys-help");
    document.getElementById("keys-on").checked = !localStorage.getItem(OFF);
    dialog.showModal();
  }

  const KEYS = {
    j: () => go(1),
    k: () => go(-1),
    x: select,
    a: () => act("a"),
    r: () => act("r"),
    "/": () => document.querySelector('[data-key="/"]')?.select(),
    "?": help,
  };

  function isTyped(event) {
    const target = event.target;
    return target.isContentEditable || target.matches("select, textarea, input:not([type=checkbox], [type=radio])");
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyped(event)) return;
    if (!Object.hasOwn(KEYS, event.key) || document.querySelector("dialog[open]")) return;
    if (localStorage.getItem(OFF)) return;
    event.preventDefault();
    if (event.repeat && "xar".includes(event.key)) return;
    KEYS[event.key]();
  });
  document.addEventListener("focusin", current);
  document.addEventListener("click", (event) => {
    if (event.target.closest('[data-opens="keys-help"]')) help();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "keys-on") return;
    if (event.target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
})();
