// The form of a channel: as many headers as one needs.
(() => {
  function addRow(rows) {
    const row = rows.querySelector(".pair:last-child").cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    rows.append(row);
    row.querySelector("input").focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-row]");
    if (button) addRow(document.getElementById(button.dataset.addRow));
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-add-row]")) button.hidden = false;
  });
})();
