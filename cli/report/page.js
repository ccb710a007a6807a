"use strict";
// Draws what the data island holds. It computes no statistics.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const colours = ["#8a929b", "#2f6fde", "#d9822b", "#2a9d6f", "#a855c7", "#c9444d"];
  const ms = (ns) => (ns === null ? "-" : (ns / 1e6).toPrecision(3) + " ms");
  const charts = [];

  function table(host, head, rows) {
    const made = host.appendChild(document.createElement("table"));
    const add = (cells, tag) => {
      const row = made.insertRow();
      for (const [text, style] of cells) {
        const cell = row.appendChild(document.createElement(tag));
        cell.textContent = text;
        if (style) cell.className = style;
      }
    };
    if (head.length) add(head.map((text) => [text]), "th");
    for (const row of rows) add(row, "td");
  }

  function limits() {
    const slo = data.summary.results.length ? data.summary.results[0].online.slo : { limit_ns: null, goals: [] };
    if (slo.metric && slo.metric !== "latency") return [];
    return [slo.limit_ns, ...slo.goals.map((goal) => goal.limit_ns)].filter((ns) => ns !== null);
  }

  function lines(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--bad");
    ctx.setLineDash([6, 4]);
    for (const ns of limits()) {
      const x = plot.valToPos(ns / 1e6, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  function keys(host, plot) {
    const all = { min: plot.data[0][0], max: plot.data[0].at(-1) };
    host.addEventListener("keydown", (event) => {
      const { min, max } = plot.scales.x;
      const width = max - min;
      const to = {
        ArrowLeft: [min - width / 10, max - width / 10], ArrowRight: [min + width / 10, max + width / 10],
        "+": [min + width / 4, max - width / 4], "-": [min - width / 2, max + width / 2], 0: [all.min, all.max],
      }[event.key];
      if (!to) return;
      event.preventDefault();
      plot.setScale("x", { min: to[0], max: to[1] });
    });
  }

  function chart(id, label, columns, paths) {
    const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--fg");
    const axis = { stroke: ink, grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
    const host = byId(id);
    const plot = new uPlot({
      width: Math.min(960, host.clientWidth), height: 300, scales: { x: { time: false } },
      axes: [{ ...axis, label: "latency (ms)" }, { ...axis, label, size: 70 }],
      series: [{ label: "ms" }, ...data.latency.map((of, i) => (
        { label: of.policy, stroke: colours[i % colours.length], width: 2, paths, spanGaps: true, points: { show: false } }))],
      hooks: { draw: [lines] },
    }, columns, host);
    keys(host, plot);
    charts.push(plot);
  }

  const stepped = uPlot.paths.stepped({ align: 1 });
  if (data.latency.some((of) => of.count)) {
    chart("ecdf", "share of requests (%)", uPlot.join(data.latency.map((of) => [
      of.ecdf.value_ns.map((ns) => ns / 1e6), of.ecdf.count.map((count) => (100 * count) / of.count)])), stepped);
    chart("histogram", "requests", uPlot.join(data.latency.map((of) => [
      [...of.histogram.counts, 0].map((_, i) => (i * of.histogram.width_ns) / 1e6), [...of.histogram.counts, 0]])), stepped);
  }

  byId("title").textContent = data.summary.scenario + ": run report";
  const word = (met) => (met === null ? ["not judged"] : met ? ["met", "met"] : ["MISSED", "missed"]);
  table(byId("verdict"), ["policy", "requests", "unfinished", "p50", "p95", "p99", "limit", "verdict"],
    data.summary.results.map((of) => [[of.policy], [of.online.requests], [of.online.unfinished],
      [ms(of.online.latency_ns.p50)], [ms(of.online.latency_ns.p95)], [ms(of.online.latency_ns.p99)],
      [ms(of.online.slo.limit_ns)], word(of.online.slo.met)]));
  byId("evidence").textContent = "Evidence: " + data.summary.statement + "; weakest of the costs: " + data.summary.evidence;
  table(byId("provenance"), [], [["command", data.run.command.join(" ")], ["version", data.run.version],
    ["model", data.run.model], ["driver", data.run.personality], ["seed", data.run.seed],
    ["backend", data.run.backend]].map((row) => row.map((text) => [text])));
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    for (const plot of charts) plot.redraw(false, true);
  });
})();
