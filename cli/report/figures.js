"use strict";
// Figures that need no zoom, as SVG: they follow the theme by style and print as sharp as text.
(() => {
  const { kinds, element } = gpreempt;
  const kWidth = 960, kRow = 26, kTop = 8, kNames = 260, kTexts = 250, kAxis = 44;
  const kParts = ["#7b8794", "#f0e442", "#5b4b8a", "#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#cc79a7", "#009e73"];

  function svg(parent, name, attributes, text) {
    const made = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function canvas(figure, height, about) {
    return svg(figure, "svg", { viewBox: `0 0 ${kWidth} ${height}`, role: "img", "aria-label": about });
  }
  const finite = (values) => values.filter((value) => value !== null && value !== undefined);
  // Room around all values; `zero`: from zero on.
  function scale(values, from, to, zero) {
    let min = Math.min(...values), max = Math.max(...values);
    if (zero) min = Math.min(0, min);
    if (min === max) max = min + (Math.abs(min) || 1);
    const room = (max - min) * 0.04;
    if (!zero || min < 0) min -= room;
    max += room;
    return { min, max, of: (value) => from + ((value - min) / (max - min)) * (to - from) };
  }
  function ticks({ min, max }) {
    const rough = (max - min) / 6, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const all = [];
    for (let i = Math.ceil(min / step); i * step <= max; ++i) all.push([i * step, (i * step).toFixed(Math.min(9, digits))]);
    return all;
  }
  function xAxis(root, x, top, bottom, title) {
    for (const [value, text] of ticks(x)) {
      svg(root, "line", { class: "grid", x1: x.of(value), x2: x.of(value), y1: top, y2: bottom });
      svg(root, "text", { x: x.of(value), y: bottom + 16, "text-anchor": "middle" }, text);
    }
    svg(root, "text", { x: (x.of(x.min) + x.of(x.max)) / 2, y: bottom + 36, "text-anchor": "middle" }, title);
  }
  function limitLines(root, x, limits, top, bottom) {
    for (const limit of limits || []) {
      if (limit.at < x.min || limit.at > x.max) continue;
      const line = svg(root, "line", { class: "limit", x1: x.of(limit.at), x2: x.of(limit.at), y1: top, y2: bottom });
      svg(line, "title", {}, "limit " + limit.name);
      svg(root, "text", { class: "limit", x: x.of(limit.at) + 3, y: top + 10 }, limit.name);
    }
  }
  // Rows of a name, whatever `mark` draws, and a text.
  function rows(figure, data, about, values, zero, mark) {
    if (!data.rows.length) {
      figure.append(element("p", {}, "There is nothing to draw."));
      return;
    }
    const bottom = kTop + 12 + data.rows.length * kRow;
    const root = canvas(figure, bottom + kAxis, about);
    const x = scale(values, kNames, kWidth - kTexts, zero);
    xAxis(root, x, kTop, bottom, data.x);
    limitLines(root, x, data.limits, kTop, bottom);
    data.rows.forEach((row, i) => {
      const y = kTop + 12 + (i + 0.5) * kRow;
      svg(root, "text", { x: kNames - 8, y: y + 4, "text-anchor": "end" }, row.name.length > 40 ? row.name.slice(0, 39) + "…" : row.name);
      svg(root, "text", { x: kWidth - kTexts + 8, y: y + 4 }, row.text);
      svg(mark(svg(root, "g", {}), x, y, row, i), "title", {}, `${row.name}: ${row.text}`);
    });
  }
  // Limits are in sight if they are anywhere near.
  const near = (values, limits) => {
    const most = Math.max(...values);
    return values.concat((limits || []).map((limit) => limit.at).filter((at) => at <= 2 * most));
  };

  kinds.intervals = (figure, data, about) => {
    const values = finite(data.rows.flatMap((row) => [row.value, row.lo, row.hi]));
    rows(figure, data, about, near(values, data.limits), false, (group, x, y, row) => {
      if (row.lo !== null && row.hi !== null) {
        svg(group, "path", { class: "interval", d: `M${x.of(row.lo)} ${y - 5}v10M${x.of(row.lo)} ${y}H${x.of(row.hi)}M${x.of(row.hi)} ${y - 5}v10` });
      }
      svg(group, "circle", { class: "mark", cx: x.of(row.value), cy: y, r: 4.5 });
      return group;
    });
  };

  kinds.tornado = (figure, data, about) => {
    const values = near(data.rows.flatMap((row) => [row.from, row.to]), data.limits);
    rows(figure, data, about, values, false, (group, x, y, row) => {
      const a = x.of(Math.min(row.from, row.to)), b = x.of(Math.max(row.from, row.to));
      svg(group, "rect", { class: "mark", x: a, y: y - 8, width: Math.max(1, b - a), height: 16 });
      svg(group, "line", { class: "end", x1: x.of(row.to), x2: x.of(row.to), y1: y - 11, y2: y + 11 });
      return group;
    });
  };

  kinds.bars = (figure, data, about) => {
    const totals = data.rows.map((row) => row.values.reduce((sum, value) => sum + value, 0));
    rows(figure, data, about, totals, true, (group, x, y, row) => {
      let from = 0;
      row.values.forEach((value, i) => {
        if (value > 0) {
          const part = svg(group, "rect", { x: x.of(from), y: y - 9, width: x.of(from + value) - x.of(from), height: 18, fill: kParts[i % kParts.length] });
          svg(part, "title", {}, `${row.name}, ${data.parts[i]}: ${value.toPrecision(3)}`);
        }
        from += value;
      });
      return group;
    });
    const legend = figure.appendChild(element("ul", { class: "legend" }));
    data.parts.forEach((name, i) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = kParts[i % kParts.length];
      legend.append(element("li", {}, swatch, name));
    });
  };

  kinds.scatter = (figure, data, about) => {
    if (!data.points.length) {
      figure.append(element("p", {}, "There is nothing to draw."));
      return;
    }
    const height = 460, left = 80, top = 12, bottom = height - kAxis;
    const root = canvas(figure, height, about);
    root.setAttribute("role", "group");  // its points can be reached
    const ends = (axis) => finite(data.points.flatMap((point) => [point[axis].value, point[axis].lo, point[axis].hi]));
    const x = scale(near(ends("x"), data.x_limits), left, kWidth - 20, false);
    const y = scale(near(ends("y"), data.y_limits), bottom, top, false);
    xAxis(root, x, top, bottom, data.x);
    limitLines(root, x, data.x_limits, top, bottom);
    for (const [value, text] of ticks(y)) {
      svg(root, "line", { class: "grid", x1: left, x2: kWidth - 20, y1: y.of(value), y2: y.of(value) });
      svg(root, "text", { x: left - 6, y: y.of(value) + 4, "text-anchor": "end" }, text);
    }
    for (const limit of data.y_limits) {
      if (limit.at < y.min || limit.at > y.max) continue;
      svg(root, "line", { class: "limit", x1: left, x2: kWidth - 20, y1: y.of(limit.at), y2: y.of(limit.at) });
      svg(root, "text", { class: "limit", x: left + 4, y: y.of(limit.at) - 3 }, limit.name);
    }
    svg(root, "text", { transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.y);
    const readout = figure.appendChild(element("p", { class: "readout", "aria-live": "polite" }, "Point at a mark, or reach it with Tab."));
    // Marks last, so that no bar lies over them.
    for (const { x: at, y: over } of data.points) {
      if (at.lo !== null && at.hi !== null) svg(root, "path", { class: "faint", d: `M${x.of(at.lo)} ${y.of(over.value)}H${x.of(at.hi)}` });
      if (over.lo !== null && over.hi !== null) svg(root, "path", { class: "faint", d: `M${x.of(at.value)} ${y.of(over.lo)}V${y.of(over.hi)}` });
    }
    // The front of each work: only points of one line were compared.
    for (const work of new Set(data.points.map((point) => point.at))) {
      const front = data.points.filter((point) => point.at === work && point.on !== "no").sort((a, b) => a.x.value - b.x.value);
      if (front.length > 1) svg(root, "path", { class: "faint", d: "M" + front.map((point) => `${x.of(point.x.value)} ${y.of(point.y.value)}`).join("L") });
      if (work && front.length) svg(root, "text", { x: x.of(front[0].x.value) + 9, y: y.of(front[0].y.value) - 6 }, work);
    }
    for (const point of data.points) {
      const text = `${point.name}: ${point.text}; on the front: ${point.on}`;
      const mark = svg(root, "circle", { class: "point " + point.on, cx: x.of(point.x.value), cy: y.of(point.y.value), r: 6, tabindex: "0", role: "img", "aria-label": text });
      svg(mark, "title", {}, text);
      for (const event of ["focus", "mouseenter"]) mark.addEventListener(event, () => { readout.textContent = text; });
    }
  };
})();
