// Small comforts of the pages of hosts.
document.addEventListener("DOMContentLoaded", () => {
  // The page that follows a form: loading it again shows the thing, and does not send the form once more.
  const page = document.querySelector("[data-address]");
  if (page) history.replaceState(null, "", page.dataset.address);
  const timezone = document.querySelector("[data-own-timezone]");
  if (timezone) timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || timezone.value;
});
