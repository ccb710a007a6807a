"use strict";
// Curves, by uPlot.
gpreempt.kinds.lines = (figure, data, about) => {
  const { style, css, keys, host, redraws } = gpreempt;
  const place = host(figure, about);
  const series = data.series.filter((one) => one.x.length);
  if (!series.length) {
    place.textContent = "There is nothing to draw.";
    return;
  }
  const limits = data.limits || [];

  function drawLimits(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css("--bad");
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    for (const limit of limits) {
      const x = plot.valToPos(limit.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.fillText(limit.name, x + 4 * devicePixelRatio, bbox.top + 14 * devicePixelRatio);
    }
    ctx.restore();
  }

  const columns = uPlot.join(series.map((one) => [one.x, one.y]));
  // Limits are in sight even where no sample is near them.
  const first = Math.min(columns[0][0], ...limits.map((limit) => limit.at));
  const last = Math.max(columns[0].at(-1), ...limits.map((limit) => limit.at * 1.05));
  const ink = () => css("--fg");
  const axis = { stroke: ink, grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
  const paths = uPlot.paths.stepped({ align: 1 });
  const plot = new uPlot({
    width: Math.max(320, place.clientWidth), height: 320,
    scales: { x: { time: false, range: (_, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) } },
    axes: [{ ...axis, label: data.x }, { ...axis, label: data.y, size: 70 }],
    series: [{ label: data.x }, ...series.map((one) => {
      const { colour, dash } = style(data.series.indexOf(one));
      return { label: one.name, stroke: colour, dash, width: 2, paths, spanGaps: true, points: { show: false },
        value: (_, value) => (value === null || value === undefined ? "-" : String(Math.round(value * 1000) / 1000)) };
    })],
    hooks: { draw: [drawLimits] },
  }, columns, place);
  plot.setScale("x", { min: first, max: last });
  keys(place, {
    get: () => ({ min: plot.scales.x.min, max: plot.scales.x.max, first, last }),
    set: (min, max) => plot.setScale("x", { min, max }),
  });
  place.addEventListener("dblclick", () => plot.setScale("x", { min: first, max: last }));
  // uPlot's legend switches curves by mouse only.
  for (const label of [...place.querySelectorAll(".u-legend .u-series th")].slice(1)) {
    label.tabIndex = 0;
    label.setAttribute("role", "button");
    label.setAttribute("aria-label", "show or hide " + label.textContent);
    label.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      label.click();
    });
  }
  redraws.push(() => plot.redraw(false, true));
  addEventListener("resize", () => plot.setSize({ width: Math.max(320, place.clientWidth), height: 320 }));
};
