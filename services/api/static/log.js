// The log of a job grows at its end while one looks; the view follows only when it is at the end.
(() => {
  const PAUSE_MS = 1500;
  const MOST_BYTES = 256 * 1024; // asked for at once
  const MOST_CHARACTERS = 400_000; // kept on the page
  const NEAR_PX = 40;

  const log = document.getElementById("log");
  if (!log) return;
  let decoder = new TextDecoder();
  let offset = Number(log.dataset.offset);
  let last = false;

  const finished = () => document.getElementById("job")?.hasAttribute("data-finished");
  const show = (id, shown) => { document.getElementById(id).hidden = !shown; };

  // Without a byte to ask for, a range is an error: so the last known byte is asked for again, and left out.
  async function more() {
    const from = Math.max(offset - 1, 0);
    const headers = offset ? { Range: `bytes=${from}-${from + MOST_BYTES}` } : {};
    const answer = await fetch(log.dataset.log, { headers });
    if (!answer.ok) return false;
    const bytes = new Uint8Array(await answer.arrayBuffer()).subarray(offset ? 1 : 0);
    offset += bytes.length;
    append(printable(decoder.decode(bytes, { stream: true })));
    return bytes.length >= MOST_BYTES;
  }

  // Without the colours and movements that a terminal makes of it.
  const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])/g;
  const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g;
  const printable = (text) => text.replace(ESCAPES, "").replaceAll("\r\n", "\n").replace(UNPRINTABLE, "\ufffd");

  function append(text) {
    if (!text) return;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
    log.append(text);
    show("log-empty", false);
    if (log.textContent.length > MOST_CHARACTERS) cut();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function cut() {
    const kept = log.textContent.slice(-MOST_CHARACTERS / 2);
    const above = log.scrollHeight;
    log.textContent = kept.slice(kept.indexOf("\n") + 1);
    log.scrollTop -= above - log.scrollHeight;
    show("log-cut", true);
  }

  async function follow() {
    if (!document.hidden) {
      // What was written just before the end comes with one look after it.
      last = finished();
      try {
        while (await more());
      } catch {
        last = false; // away for a moment; the next look goes on where this one was
      }
    }
    if (!last) setTimeout(follow, PAUSE_MS);
    else if (!offset) {
      const empty = document.getElementById("log-empty");
      empty.textContent = empty.dataset.none;
    }
  }

  log.scrollTop = log.scrollHeight;
  if (!finished()) follow();
})();
