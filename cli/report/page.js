"use strict";
// Draws what the figures' data say; statistics are computed before. The other scripts add a function to `kinds` for
// each kind of figure.
const gpreempt = (() => {
  const kinds = {};
  const redraws = [];
  // After Okabe and Ito: told apart with any colour vision. More series than colours differ in their dashes.
  const colours = ["#7b8794", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
  const dashes = [[], [8, 4], [2, 3]];
  const style = (i) => ({ colour: colours[i % colours.length], dash: dashes[Math.floor(i / colours.length) % dashes.length] });

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // left, right, +, - and 0 for a host whose view is [min, max] within [first, last].
  function keys(host, view) {
    host.addEventListener("keydown", (event) => {
      if (event.target !== host || event.ctrlKey || event.altKey || event.metaKey) return;
      const { min, max, first, last } = view.get();
      const width = max - min;
      const to = {
        ArrowLeft: [min - width / 10, max - width / 10], ArrowRight: [min + width / 10, max + width / 10],
        "+": [min + width / 4, max - width / 4], "=": [min + width / 4, max - width / 4],
        "-": [min - width / 2, max + width / 2], 0: [first, last],
      }[event.key];
      if (!to) return;
      event.preventDefault();
      view.set(to[0], to[1]);
    });
  }
  // A place for a picture that can be reached and moved by keys.
  function host(figure, about) {
    return figure.appendChild(element("div", {
      class: "host", tabindex: "0", role: "group",
      "aria-label": about + ". Arrow keys move, plus and minus zoom, 0 shows all.",
    }));
  }

  function redraw() { for (const one of redraws) one(); }

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("figure[data-kind]")) {
      const data = JSON.parse(figure.querySelector("script").textContent);
      kinds[figure.dataset.kind](figure, data, figure.querySelector("figcaption").textContent);
      figure.dataset.drawn = "yes";
    }
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
      root.dataset.theme = isDark ? "light" : "dark";
      redraw();
    });
    dark.addEventListener("change", redraw);
    matchMedia("print").addEventListener("change", redraw);
  });
  return { kinds, redraws, style, element, css, keys, host };
})();
