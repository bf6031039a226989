// The table of past runs as charts: how long each took, and how much it was about.
(() => {
  const HEIGHT = 160;
  const figure = document.getElementById("runs");
  if (!figure || !window.uPlot) return;
  const place = figure.querySelector("[data-charts]");
  const said = figure.querySelector("[data-said]");
  const caption = said.textContent;
  const rows = [...figure.querySelectorAll("tbody tr")].sort((a, b) => a.dataset.at - b.dataset.at);
  const at = rows.map((row) => Number(row.dataset.at));
  const number = (name) => rows.map((row) => (row.dataset[name] === "" ? null : Number(row.dataset[name])));
  const seconds = number("seconds");
  const bytes = number("size");
  const added = number("added");
  const bad = (values) => values.map((value, index) => (rows[index].dataset.status === "failed" ? value : null));

  const UNITS = { time: [["s", 1], ["min", 60], ["h", 3600], ["d", 86400]], size: [["B", 1], ["KiB", 1024], ["MiB", 1024 ** 2], ["GiB", 1024 ** 3], ["TiB", 1024 ** 4]] };

  function short(value, kind) {
    const [unit, length] = UNITS[kind].findLast(([, least]) => Math.abs(value) >= least) ?? UNITS[kind][0];
    return `${Number((value / length).toPrecision(3))} ${unit}`;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Steps between marks that are whole in the unit they are said in.
  const TENS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const STEPS = {
    time: [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800],
    size: UNITS.size.flatMap(([, unit]) => TENS.map((step) => step * unit)),
  };
  const long = at.at(-1) - at[0] > 2 * 86400;
  const said_at = new Intl.DateTimeFormat(undefined, long ? { day: "numeric", month: "short" } : { hour: "numeric", minute: "2-digit" });

  function axis(kind) {
    const look = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    if (!kind) return { ...look, space: 64, size: 30, values: (_, ticks) => ticks.map((tick) => said_at.format(tick * 1000)) };
    return { ...look, size: 64, incrs: STEPS[kind], values: (_, ticks) => ticks.map((tick) => short(tick, kind)) };
  }

  function tell(plot) {
    const index = plot.cursor.idx;
    said.textContent = index == null ? caption : [...rows[index].cells].map((cell) => cell.textContent.trim()).filter(Boolean).join(" · ");
  }

  function title(words, keys) {
    const line = document.createElement("p");
    line.className = "chart-title";
    for (const [said, look] of [[words, ""], ...keys]) {
      const key = document.createElement("span");
      key.className = look;
      if (look) key.append(document.createElement("i"));
      key.append(said);
      line.append(key);
    }
    return line;
  }

  function chart(words, keys, kind, series) {
    const part = document.createElement("div");
    const holder = document.createElement("div");
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", `${words} of the last ${rows.length} runs; the table below has the same figures.`);
    part.append(title(words, keys), holder);
    place.append(part);
    const options = {
      width: Math.max(holder.clientWidth, 200),
      height: HEIGHT,
      padding: [12, 12, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "runs" }, drag: { x: false, y: false }, points: { show: false } },
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [axis(), axis(kind)],
      series: [{}, ...series.map(([, look]) => look)],
      hooks: { setCursor: [tell] },
    };
    return new uPlot(options, [at, ...series.map(([values]) => values)], holder);
  }

  const line = (name, fill) => ({ stroke: colour(name), width: 2, fill, points: { show: true, size: 5, fill: colour(name) } });
  // A run that failed is a ring around its point.
  const mark = () => ({ stroke: colour("--failed-fill"), width: 0, points: { show: true, size: 10, width: 2, stroke: colour("--failed-fill"), fill: colour("--surface") } });

  let charts = [];
  function draw() {
    charts.forEach((one) => one.destroy());
    place.replaceChildren();
    const failed = rows.some((row) => row.dataset.status === "failed");
    charts = [chart("Duration", failed ? [["failed", "ring"]] : [], "time", [[seconds, line("--accent")], [bad(seconds), mark()]])];
    if (!bytes.some((value) => value !== null)) return;
    charts.push(chart("Size", [["of the snapshot", "one"], ["added to the repository", "two"]], "size", [[bytes, line("--accent")], [added, line("--warning-fill")]]));
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    const width = place.clientWidth;
    for (const one of charts) if (one.width !== width && width) one.setSize({ width, height: HEIGHT });
  }).observe(place);
})();
