"use strict";
// Who had the GPU when: one lane for a tenant on a GPU.
gpreempt.kinds.timeline = (figure, data, about) => {
  const { element, css, keys, host, redraws, style } = gpreempt;
  const kLane = 34, kAxis = 26, kNames = 150;
  const known = { running: "#009e73", unmapping: "#d55e00", saving: "#e69f00", suspended: "#7b8794", restoring: "#56b4e9", bystander: "#cc79a7",
    waiting: "#5b4b8a", gone: "#c9ced4" };
  const colours = data.states.map((state, i) => known[state] || style(i + 1).colour);
  const running = data.states.indexOf("running");
  if (!data.policies.length) {
    figure.append(element("p", {}, "There is nothing to draw."));
    return;
  }

  const select = element("select", {});
  data.policies.forEach((policy, i) => select.append(element("option", { value: i }, policy.name)));
  const span = element("output", {});
  figure.append(element("div", { class: "controls" }, element("label", {}, "policy ", select), span));
  const place = host(figure, about);
  const canvas = place.appendChild(element("canvas", {}));
  const readout = figure.appendChild(element("p", { class: "readout" }, "Drag to zoom, double click to see all."));
  const legend = figure.appendChild(element("ul", { class: "legend" }));
  data.states.forEach((state, i) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colours[i];
    legend.append(element("li", {}, swatch, state));
  });

  let policy = data.policies[0];
  let view = [0, 1];
  let dragged = null;
  let waiting = false;
  const first = () => Math.min(...policy.lanes.map((lane) => lane.from[0]));
  const seconds = (ns, digits) => (ns / 1e9).toFixed(digits) + " s";
  const digitsFor = (width) => Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(Math.max(width, 1) / 1e9))));

  // Index of the last interval that begins at or before `at`.
  function lastBefore(lane, at) {
    let low = 0, high = lane.from.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.from[middle] <= at) low = middle + 1; else high = middle;
    }
    return Math.max(0, low - 1);
  }

  function drawLane(ctx, lane, top, x, right) {
    let lastPixel = -1, lastState = -1;
    for (let i = lastBefore(lane, view[0]); i < lane.from.length && lane.from[i] < view[1]; ++i) {
      const a = Math.max(kNames, x(lane.from[i])), b = Math.min(right, x(lane.to[i]));
      if (b < kNames) continue;
      const state = lane.state[i];
      // Of what shares a pixel, each state is drawn once, and what is short is never lost to what is long.
      const pixel = Math.floor(a);
      if (b - a < 1 && pixel === lastPixel && state === lastState) continue;
      lastPixel = pixel;
      lastState = state;
      ctx.fillStyle = colours[state];
      const height = state === running ? kLane / 2 : kLane - 6;
      ctx.fillRect(a, top + (kLane - height) / 2, Math.max(state === running ? 0 : 1, b - a), height);
    }
  }

  function draw() {
    waiting = false;
    const ratio = devicePixelRatio || 1;
    const width = Math.max(320, place.clientWidth), height = policy.lanes.length * kLane + kAxis;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
    const ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.font = "13px system-ui, sans-serif";
    const ink = css("--fg"), right = width - 8;
    const x = (ns) => kNames + ((ns - view[0]) / (view[1] - view[0])) * (right - kNames);
    policy.lanes.forEach((lane, i) => {
      ctx.fillStyle = ink;
      ctx.fillText(`${lane.tenant}, GPU ${lane.gpu}`, 0, i * kLane + kLane / 2 + 4, kNames - 8);
      drawLane(ctx, lane, i * kLane, x, right);
    });
    ctx.fillStyle = ink;
    ctx.textAlign = "center";
    const digits = digitsFor(view[1] - view[0]);
    for (let i = 0; i <= 4; ++i) {
      const at = view[0] + ((view[1] - view[0]) * (0.5 + i)) / 5;
      ctx.fillRect(x(at), policy.lanes.length * kLane, 1, 5);
      ctx.fillText(seconds(at, digits), x(at), height - 6);
    }
    if (dragged) {
      ctx.fillStyle = "#8885";
      ctx.fillRect(Math.min(dragged.from, dragged.to), 0, Math.abs(dragged.to - dragged.from), height);
    }
    span.textContent = `${seconds(view[0], digits)} to ${seconds(view[1], digits)} since the start`;
    place.dataset.from = view[0];
    place.dataset.to = view[1];
  }
  function later() {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(draw);
    }
  }
  function show(min, max) {
    const whole = [first(), policy.end];
    const width = Math.min(Math.max(max - min, 1000), whole[1] - whole[0]);
    const from = Math.min(Math.max(min, whole[0]), whole[1] - width);
    view = [from, from + width];
    later();
  }
  const all = () => show(first(), policy.end);
  const instant = (pixel) => view[0] + ((pixel - kNames) / (Math.max(320, place.clientWidth) - 8 - kNames)) * (view[1] - view[0]);

  select.addEventListener("change", () => {
    policy = data.policies[select.value];
    all();
  });
  keys(place, { get: () => ({ min: view[0], max: view[1], first: first(), last: policy.end }), set: show });
  canvas.addEventListener("mousedown", (event) => { dragged = { from: event.offsetX, to: event.offsetX }; });
  canvas.addEventListener("mousemove", (event) => {
    if (dragged) {
      dragged.to = event.offsetX;
      later();
    }
    const lane = policy.lanes[Math.floor(event.offsetY / kLane)];
    if (!lane || event.offsetX < kNames) return;
    const i = lastBefore(lane, instant(event.offsetX));
    readout.textContent = `${lane.tenant} on GPU ${lane.gpu}: ${data.states[lane.state[i]]} from ${seconds(lane.from[i], 6)} to ${seconds(lane.to[i], 6)}`;
  });
  addEventListener("mouseup", () => {
    if (!dragged) return;
    const [a, b] = [Math.min(dragged.from, dragged.to), Math.max(dragged.from, dragged.to)];
    dragged = null;
    if (b - a > 4) show(instant(a), instant(b)); else later();
  });
  canvas.addEventListener("dblclick", all);
  addEventListener("resize", later);
  redraws.push(draw);
  view = [first(), policy.end];
  draw();
};
