"use strict";
// The table of requests: of any number, only the rows in sight are in the document.
gpreempt.kinds.requests = (figure, data, about) => {
  const { element } = gpreempt;
  const kRow = 24, kShown = 18, kSpare = 6;
  const all = data.request.length;
  const ms = (ns) => (ns === null ? "-" : (ns / 1e6).toFixed(3));
  const slow = (column) => (i) => (column[i] === null ? Infinity : column[i]);
  const columns = [
    { title: "policy", text: (i) => data.policies[data.policy[i]], key: (i) => data.policy[i] },
    { title: "tenant", text: (i) => data.tenants[data.tenant[i]], key: (i) => data.tenant[i] },
    { title: "request", text: (i) => String(data.request[i]), key: (i) => data.request[i], number: true },
    { title: "arrival (ms)", text: (i) => ms(data.arrival[i]), key: (i) => data.arrival[i], number: true },
    { title: "to first wave (ms)", text: (i) => ms(data.wait[i]), key: slow(data.wait), number: true },
    { title: "latency (ms)", text: (i) => (data.latency[i] === null ? "unfinished" : ms(data.latency[i])), key: slow(data.latency), number: true },
  ];
  let order = Uint32Array.from({ length: all }, (_, i) => i);
  let sorted = { column: 5, down: true };

  const policy = element("select", {}, element("option", { value: "" }, "all"));
  data.policies.forEach((name, i) => policy.append(element("option", { value: i }, name)));
  const above = element("input", { type: "number", min: "0", step: "any", placeholder: "0" });
  const count = element("output", { "aria-live": "polite" });
  figure.append(element("div", { class: "controls" }, element("label", {}, "policy ", policy),
    element("label", {}, "latency above (ms) ", above), count));

  const table = figure.appendChild(element("div", { class: "rows", role: "table", "aria-label": about }));
  const head = table.appendChild(element("div", { class: "row head", role: "row" }));
  const titles = columns.map((column, i) => {
    const button = element("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      sorted = { column: i, down: sorted.column === i ? !sorted.down : Boolean(column.number) };
      apply();
    });
    const title = element("div", { role: "columnheader", class: column.number ? "n" : "" }, button);
    head.append(title);
    return title;
  });
  const scroller = table.appendChild(element("div", { class: "scroller", tabindex: "0", role: "rowgroup", "aria-label": "requests; arrow and page keys scroll" }));
  scroller.style.height = kRow * kShown + "px";
  const inner = scroller.appendChild(element("div", { class: "inner", role: "presentation" }));

  function fill() {
    const from = Math.max(0, Math.floor(scroller.scrollTop / kRow) - kSpare);
    const to = Math.min(order.length, from + kShown + 2 * kSpare);
    const shown = document.createDocumentFragment();
    for (let at = from; at < to; ++at) {
      const row = element("div", { class: "row", role: "row", "aria-rowindex": at + 2 });
      row.style.top = at * kRow + "px";
      for (const column of columns) row.append(element("div", { role: "cell", class: column.number ? "n" : "" }, column.text(order[at])));
      shown.append(row);
    }
    inner.replaceChildren(shown);
  }

  function apply() {
    const least = above.value === "" ? -1 : Number(above.value) * 1e6;
    const only = policy.value === "" ? -1 : Number(policy.value);
    const kept = new Uint32Array(all);
    let size = 0;
    for (let i = 0; i < all; ++i) {
      if ((only < 0 || data.policy[i] === only) && (data.latency[i] === null || data.latency[i] > least)) kept[size++] = i;
    }
    const { key } = columns[sorted.column], sign = sorted.down ? -1 : 1;
    const keys = Float64Array.from({ length: all }, (_, i) => key(i));
    // Equal ones stay in the file's order; two that never ended are equal.
    order = kept.subarray(0, size).sort((a, b) => (keys[a] === keys[b] ? a - b : sign * (keys[a] < keys[b] ? -1 : 1)));
    titles.forEach((title, i) => title.setAttribute("aria-sort", i !== sorted.column ? "none" : sorted.down ? "descending" : "ascending"));
    table.setAttribute("aria-rowcount", size + 1);
    inner.style.height = size * kRow + "px";
    count.textContent = `${size} of ${all} requests`;
    scroller.scrollTop = 0;
    fill();
  }
  policy.addEventListener("change", apply);
  above.addEventListener("input", apply);
  scroller.addEventListener("scroll", fill);
  apply();
};
