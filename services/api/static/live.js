// Live pages: one stream of events, regions that fetch themselves anew, and nothing that moves under the pointer.
//
// A region is an element with an id and `hx-get` of its own page; it is replaced by morphing. In a region with
// `data-steady`, rows (`[data-row]` with an id) are only changed in place while the pointer or the focus is inside:
// rows that are new wait behind a button, rows that are over stay and are dimmed.
(() => {
  const LABELS = { live: "Live", away: "Reconnecting", off: "Signed out" };
  const waiting = new Map(); // region id → the page that holds its newest content

  const $ = (selector, root = document) => root.querySelector(selector);

  function connectionIs(state) {
    const sign = $(".live");
    if (!sign || sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.textContent = LABELS[state];
  }

  function toast(text) {
    const note = document.createElement("div");
    note.className = "toast";
    note.textContent = text;
    $(".toasts").append(note);
    setTimeout(() => note.remove(), 8000);
  }
  window.keepwatch = { toast };

  function refreshAll() {
    for (const region of document.querySelectorAll("[data-region]")) htmx.trigger(region, "refresh");
  }

  function signInAgain() {
    location.href = "/login?next=" + encodeURIComponent(location.pathname + location.search);
  }

  // --- the stream ---

  // Named only once the extension is there: htmx looks over the page as soon as it has itself been read.
  function listen() {
    const sign = $(".live");
    sign.setAttribute("hx-sse:connect", sign.dataset.stream);
    htmx.process(sign);
  }
  document.addEventListener("DOMContentLoaded", () => setTimeout(listen));

  document.addEventListener("htmx:sse:after:connection", () => {
    connectionIs("live");
    // What happened since the page was made, while nobody listened, is in its next copy; hints are not sent again.
    refreshAll();
  });
  document.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0) connectionIs("away");
  });
  document.addEventListener("htmx:sse:error", (event) => {
    connectionIs("away");
    if (event.detail.status === 401) signInAgain();
  });
  document.addEventListener("reset", refreshAll);

  // --- requests ---

  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    // A click counts even if the page is closed the moment after it.
    if (request.method !== "GET") request.keepalive = true;
  });

  document.addEventListener("htmx:before:response", (event) => {
    const { response } = event.detail.ctx;
    if (response.raw.redirected && new URL(response.raw.url).pathname === "/login") {
      event.preventDefault();
      signInAgain();
    }
  });

  document.addEventListener("htmx:error", (event) => {
    const ctx = event.detail.ctx;
    const source = ctx?.sourceElement;
    if (source?.hasAttribute("hx-sse:connect")) {
      connectionIs("away");
      setTimeout(() => htmx.trigger(source, "retry"), 1000 + Math.random() * 2000);
    } else if (ctx && ctx.request.method !== "GET") {
      toast("Keepwatch did not answer. Nothing is lost: try again in a moment.");
    }
  });

  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement?.hasAttribute("hx-sse:connect")) {
      connectionIs("away");
      if (ctx.response.status === 401) signInAgain();
      else setTimeout(() => htmx.trigger(ctx.sourceElement, "retry"), 2000 + Math.random() * 2000);
    } else if (ctx.request.method !== "GET") {
      const page = new DOMParser().parseFromString(ctx.text, "text/html");
      toast($("[data-detail]", page)?.textContent ?? `It did not work (${ctx.response.status}).`);
    }
  });

  // --- regions ---

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const region = ctx.sourceElement;
    if (ctx.request.method !== "GET" && ctx.response?.status >= 400) {
      event.preventDefault(); // said by a toast; what is on the page stays
      return;
    }
    if (!region?.hasAttribute?.("data-region")) return;
    const page = new DOMParser().parseFromString(ctx.text, "text/html");
    const fresh = page.getElementById(region.id);
    if (!fresh) {
      event.preventDefault(); // an error page: keep what is shown
      return;
    }
    if (isBusy(region)) {
      event.preventDefault();
      changeInPlace(region, fresh);
    } else {
      forget(region);
      const announcement = fresh.dataset.announce;
      if (announcement && announcement !== region.dataset.announce) announce(announcement);
    }
  });

  function isBusy(region) {
    if (!region.hasAttribute("data-steady")) return false;
    const focused = document.activeElement;
    return region.matches(":hover") || (focused !== region && region.contains(focused));
  }

  function changeInPlace(region, fresh) {
    let news = 0;
    for (const row of fresh.querySelectorAll("[data-row]")) {
      const shown = document.getElementById(row.id);
      if (!shown) news += 1;
      // What is being typed or pressed stays as it is until the focus has gone.
      else if (!shown.contains(document.activeElement)) {
        htmx.swap({ text: row.outerHTML, target: shown, swap: "outerMorph", sourceElement: shown });
      }
    }
    for (const row of region.querySelectorAll("[data-row]")) {
      row.classList.toggle("gone", !fresh.querySelector(`#${CSS.escape(row.id)}`));
    }
    waiting.set(region.id, fresh);
    offer(region, news, fresh.dataset.announce);
  }

  function offer(region, news, announcement) {
    const bar = $(`[data-news-of="${region.id}"]`);
    if (!bar) return;
    const was = bar.hidden ? 0 : Number(bar.dataset.count);
    bar.hidden = news === 0;
    bar.dataset.count = news;
    $("button", bar).textContent = news === 1 ? "1 new" : `${news} new`;
    if (news > was) announce(announcement || `${news} new`);
  }

  function forget(region) {
    waiting.delete(region.id);
    const bar = $(`[data-news-of="${region.id}"]`);
    if (bar) bar.hidden = true;
  }

  function apply(region) {
    const fresh = waiting.get(region.id);
    if (!fresh) return;
    forget(region);
    htmx.swap({ text: fresh.outerHTML, target: region, swap: "outerMorph", sourceElement: region });
  }

  // Once the pointer and the focus have gone, what waits is shown.
  setInterval(() => {
    for (const id of waiting.keys()) {
      const region = document.getElementById(id);
      if (!region) waiting.delete(id);
      else if (!isBusy(region)) apply(region);
    }
  }, 1000);

  document.addEventListener("click", (event) => {
    const bar = event.target.closest("[data-news-of]");
    if (bar) apply(document.getElementById(bar.dataset.newsOf));
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(document.getElementById(copy.dataset.copy).textContent).then(() => toast("Copied."));
  });

  // Said aloud, at most once every few seconds, however much happens.
  let lastSaid = 0;
  let toSay = null;
  function announce(text) {
    toSay = text;
    setTimeout(() => {
      if (toSay === null) return;
      lastSaid = Date.now();
      $("#announcer").textContent = toSay;
      toSay = null;
    }, Math.max(0, lastSaid + 5000 - Date.now()));
  }

  // A form asks before it does something that can't be taken back.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
})();
