// Live pages: one stream of events, regions that fetch themselves anew, and nothing that moves under the pointer.
//
// A region is an element with an id and `hx-get` of its own page; it is replaced by morphing. In a region with
// `data-steady`, rows (`[data-row]` with an id) are only changed in place while somebody points at it or works in it:
// rows that are new wait behind a button, rows that are over stay and are dimmed. With `data-keeps="NAME"` the page is
// told their ids as NAME, and may answer with such rows as they are now, marked `data-gone`.
//
// A region with `data-about="ID ID"` is refreshed by what happens to that alert, host or job, with `data-hints` also by
// how far its jobs are; any other names the events that it wants in `hx-trigger`, `judged` among them: what a job's end
// did to the alerts can be seen now.
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

  const NEWS = ["alert.raised", "alert.acked", "alert.resolved", "job.finished"];
  const HINTS = ["job.updated", "host.updated"];
  const RESTING_AFTER_MS = 1000;
  const fetched = new Map(); // region id → whether there were news since it was fetched, a moment ago

  function idsIn(event) {
    const said = JSON.parse(event.detail.data);
    const { host_id, raised_job_id, resolved_job_id } = said.alert ?? {};
    return [said.alert_id, said.job_id, said.host_id, host_id, raised_job_id, resolved_job_id].filter(Boolean);
  }

  function refreshAbout(ids, only = "") {
    for (const region of document.querySelectorAll(`[data-region][data-about]${only}`)) {
      const about = region.dataset.about.split(" ");
      if (ids.some((id) => about.includes(id))) refreshSoon(region.id);
    }
  }

  // Much may happen to one thing within a second: it is fetched at the first, and once more for all the rest.
  function refreshSoon(id) {
    const region = document.getElementById(id);
    if (fetched.has(id) || !region) {
      if (region) fetched.set(id, true);
      return;
    }
    fetched.set(id, false);
    setTimeout(() => {
      const more = fetched.get(id);
      fetched.delete(id);
      if (more) refreshSoon(id);
    }, RESTING_AFTER_MS);
    htmx.trigger(region, "refresh");
  }

  for (const name of NEWS) document.addEventListener(name, (event) => refreshAbout(idsIn(event)));
  for (const name of HINTS) document.addEventListener(name, (event) => refreshAbout(idsIn(event), "[data-hints]"));

  // The end of a job comes here and to the judge of alerts at the same time: leave it a moment.
  let ended = null;
  document.addEventListener("job.finished", (event) => {
    if (ended === null) {
      ended = new Set();
      setTimeout(() => {
        const ids = [...ended];
        ended = null;
        htmx.trigger(document.body, "judged");
        refreshAbout(ids);
      }, 1000);
    }
    for (const id of idsIn(event)) ended.add(id);
  });

  // --- requests ---

  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    // A click counts even if the page is closed the moment after it.
    if (request.method !== "GET") request.keepalive = true;
    const region = event.detail.ctx.sourceElement;
    if (region.dataset.keeps && isBusy(region)) {
      event.detail.ctx.kept = true;
      for (const row of rowsOf(region)) request.body.append(region.dataset.keeps, row.id.replace(/^[a-z]+-/, ""));
    }
  });

  // A note is of one act: what was sent with it is not sent again with the next.
  document.addEventListener("htmx:after:request", (event) => {
    const { request, response, sourceElement } = event.detail.ctx;
    const note = sourceElement?.form?.querySelector("#note");
    if (note && request.method !== "GET" && response?.status < 300) note.value = "";
  });

  // What the answer to a click says goes to who can't see what has changed, or to everybody.
  document.addEventListener("acted", (event) => {
    if (event.detail?.said) announce(event.detail.said);
    if (event.detail?.shown) toast(event.detail.shown);
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

  const RESTING_MS = 5000;
  const POINTS = matchMedia("(hover: hover)");
  const used = { region: null, at: 0 };

  for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) {
    document.addEventListener(name, (event) => {
      const region = event.target.closest?.("[data-region]");
      if (region) Object.assign(used, { region: region.id, at: Date.now() });
    }, { capture: true, passive: true });
  }

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail;
    const region = ctx.sourceElement;
    if (ctx.request && ctx.request.method !== "GET" && ctx.response?.status >= 400) {
      event.preventDefault(); // said by a toast; what is on the page stays
      return;
    }
    if (!ctx.request || !region?.hasAttribute?.("data-region")) return;
    const page = new DOMParser().parseFromString(ctx.text, "text/html");
    const fresh = page.getElementById(region.id);
    if (!fresh) {
      event.preventDefault(); // an error page: keep what is shown
      return;
    }
    if (isBusy(region) || whereOneIsHasGone(fresh)) {
      event.preventDefault();
      changeInPlace(region, fresh, ctx);
    } else {
      forget(region);
      for (const task of tasks) leaveOutGone(task.fragment);
      const announcement = fresh.dataset.announce;
      if (announcement && announcement !== region.dataset.announce) announce(announcement);
    }
  });

  const rowsOf = (region) => [...region.querySelectorAll("[data-row]")];

  // Somebody points at it, may be about to tap, is typing in it, or has just used it by keyboard.
  function isBusy(region) {
    if (!region.hasAttribute("data-steady")) return false;
    // Without a pointer one sees nothing of who reads and is about to tap: rows then move on demand only.
    if (!POINTS.matches) return !document.hidden && rowsOf(region).length > 0;
    if (region.matches(":hover")) return true;
    const focused = document.activeElement;
    if (isText(focused) && region.contains(focused) && focused.value !== focused.defaultValue) return true;
    return used.region === region.id && Date.now() - used.at < RESTING_MS;
  }

  // Who works with the keyboard stays where they are: the next key must not act on another row.
  function whereOneIsHasGone(fresh) {
    const row = document.activeElement.closest("[data-row]");
    if (!row || !document.activeElement.matches(":focus-visible")) return false;
    const news = fresh.querySelector(`#${CSS.escape(row.id)}`);
    return !news || news.hasAttribute("data-gone");
  }

  function isText(element) {
    return element?.matches("textarea, input:not([type=checkbox], [type=radio])");
  }

  function leaveOutGone(root) {
    for (const row of root.querySelectorAll("[data-gone]")) row.remove();
  }

  function changeInPlace(region, fresh, ctx) {
    const rows = rowsOf(region);
    const heights = rows.map((row) => row.offsetHeight);
    const held = document.activeElement.closest("[data-row]");
    let missing = 0;
    rows.forEach((row, place) => {
      const news = fresh.querySelector(`#${CSS.escape(row.id)}`);
      if (!news) missing += 1;
      // What is being typed stays as it is until the focus has gone.
      else if (!(row === held && isText(document.activeElement))) {
        htmx.swap({ text: news.outerHTML, target: row, swap: "outerMorph", sourceElement: row });
      }
      row.classList.toggle("gone", !news || news.hasAttribute("data-gone"));
      // More to say must not push the rows below away from under the pointer.
      Object.assign(row.style, { height: `${heights[place]}px`, overflow: "hidden" });
    });
    if (held && !held.contains(document.activeElement)) focusIn(held);
    if (missing && region.dataset.keeps && !ctx.kept) htmx.trigger(region, "refresh");
    leaveOutGone(fresh);
    waiting.set(region.id, fresh);
    offer(region, rowsOf(fresh).filter((row) => !document.getElementById(row.id)).length, fresh.dataset.announce);
  }

  function focusIn(row) {
    row?.querySelector("[data-row-link], a, button")?.focus({ preventScroll: true });
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

  // Once nobody is busy there any more, what waits is shown.
  setInterval(() => {
    for (const id of waiting.keys()) {
      const region = document.getElementById(id);
      if (!region) waiting.delete(id);
      else if (!isBusy(region) && !whereOneIsHasGone(waiting.get(id))) apply(region);
    }
  }, 1000);

  document.addEventListener("click", (event) => {
    const bar = event.target.closest("[data-news-of]");
    if (bar) apply(document.getElementById(bar.dataset.newsOf));
    const button = event.target.closest("[data-copy]");
    if (button) copy(document.getElementById(button.dataset.copy));
  });

  // Over plain http there is no clipboard to write to: then it is marked, to be copied by hand.
  async function copy(element) {
    try {
      await navigator.clipboard.writeText(element.textContent);
      toast("Copied.");
    } catch {
      getSelection().selectAllChildren(element);
      toast("It is marked now: copy it with Ctrl+C or the menu.");
    }
  }

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

  // What somebody has opened stays open when the page comes anew.
  document.addEventListener("DOMContentLoaded", () => htmx.config.morphIgnore.push("open"));
  // On a phone the places are a strip that scrolls: where one is stays in sight.
  document.addEventListener("DOMContentLoaded", () => {
    $(".main-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // A form asks before it does something that can't be taken back.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
})();
