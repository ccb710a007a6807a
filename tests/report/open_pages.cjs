// open_pages.cjs GPREEMPT SOURCES FOLDER: writes a run, a study and a bundle of 10^5 requests to FOLDER, and checks their pages in
// headless Chromium. Exit code 1 says what is wrong, 77 why it was not tried.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { execFileSync } = require("node:child_process");

const [gpreempt, sources, folder] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(fs.existsSync);

function skip(why) {
  console.log(`skipped: ${why}; run ci/report, which installs it`);
  process.exit(77);
}
function load(name) {
  try {
    return require(name);
  } catch {
    return skip(`${name} is not in tests/report/node_modules`);
  }
}
const { chromium } = load("playwright-core");
if (!executablePath) skip("there is no chromium");

const command = (...args) => execFileSync(gpreempt, args, { cwd: sources, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
const json = (...names) => JSON.parse(fs.readFileSync(path.join(folder, ...names)));

function writeStudy() {
  const file = path.join(folder, "small.toml");
  fs.writeFileSync(file, `schema = 1
name = "small"
question = "Does <b>it</b> depend?"
scenario = "${path.join(sources, "workloads/scenarios/default.toml")}"
metrics = ["online.latency_ns.p99", "offline.overhead"]
[design]
kind = "grid"
[design.factors]
"run.duration" = ["2s"]
"scheduler.policy" = ["none", "suspend"]
"model.cost.t_hiq" = { prior = 2 }
[repeat]
min = 2
max = 2
`);
  command("study", file, "--out", path.join(folder, "study"), "--quiet", "-j", "2");
}

// The run's bundle with other requests and another timeline: 10^5 of each.
function writeMany() {
  const many = path.join(folder, "many"), count = 100000;
  fs.mkdirSync(many);
  for (const name of ["run.json", "summary.json"]) fs.copyFileSync(path.join(folder, "run", name), path.join(many, name));
  const start = json("run", "summary.json").results[1].start_ns + 2e9;
  const requests = ["policy,tenant,request,arrival_ns,first_wave_ns,end_ns"], timeline = ["policy,tenant,gpu,state,from_ns,to_ns"];
  for (let i = 0; i < count; ++i) {
    const arrival = start + i * 100000;
    requests.push(`"suspend",guard,${i},${arrival},${arrival + 1000},${arrival + 1000000 + i}`);
    timeline.push(`suspend,train,0,${["running", "saving", "suspended", "restoring"][i % 4]},${arrival},${arrival + 100000}`);
  }
  fs.writeFileSync(path.join(many, "requests.csv"), requests.join("\n") + "\n");
  fs.writeFileSync(path.join(many, "timeline.csv"), timeline.join("\n") + "\n");
  command("report", many);
}

// What a page may not do, and what every page must.
async function open(browser, name, use) {
  const page = await browser.newPage({ colorScheme: "light", viewport: { width: 1200, height: 900 } });
  const wrong = [], requests = [];
  page.on("console", (message) => {
    // Chromium's advice on this script's own reading of pixels.
    if (!message.text().startsWith("Canvas2D: Multiple readback")) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto("file://" + path.join(folder, name, "report.html"));
  try {
    await everyFigureIsDrawn(page);
    await use(page);
    await theThemeSwitches(page);
    await itPrints(page);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  assert.deepEqual(wrong, [], `${name}: messages on the console`);
  assert.deepEqual(requests.filter((url) => url !== page.url() && !url.startsWith("data:")), [], `${name}: requests`);
  await page.close();
}

const colours = (page, selector) => page.evaluate((chosen) => [...document.querySelectorAll(chosen)].map((canvas) => {
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return new Set(pixels).size;
}), selector);
const picture = (page, selector) => page.evaluate((chosen) => document.querySelector(chosen).toDataURL(), selector);
const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

async function everyFigureIsDrawn(page) {
  const figures = await page.$$eval("figure", (all) => all.map((one) => [one.id, one.dataset.drawn, one.querySelectorAll("canvas, svg, .rows").length]));
  for (const [id, drawn, pictures] of figures) {
    assert.equal(drawn, "yes", `figure ${id} was not drawn`);
    assert.ok(pictures > 0, `figure ${id} has no picture`);
  }
  for (const count of await colours(page, "canvas")) assert.ok(count > 3, "a canvas is empty");
  const marks = await page.$$eval("figure svg", (all) => all.map((one) => one.querySelectorAll("rect, circle, path").length));
  for (const count of marks) assert.ok(count > 0, "an SVG has no marks");
  const names = await page.$$eval("[tabindex='0'], svg[role]", (all) => all.filter((one) => one.tagName !== "PRE").map((one) => one.getAttribute("aria-label") || one.textContent));
  for (const name of names) assert.ok(name, "something that can be reached has no name");
}

async function theThemeSwitches(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.click("#theme");
  const dark = await background();
  assert.notEqual(dark, light, "the switch does not change the theme");
  await page.click("#theme");
  assert.equal(await background(), light, "the switch does not change it back");
  await page.evaluate(() => delete document.documentElement.dataset.theme);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await background(), dark, "the page does not follow the system");
  await page.emulateMedia({ colorScheme: "light" });
}

async function itPrints(page) {
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const seen = await page.evaluate(() => ({ background: getComputedStyle(document.body).backgroundColor, button: getComputedStyle(document.getElementById("theme")).display }));
  assert.deepEqual(seen, { background: "rgb(255, 255, 255)", button: "none" });
  const pdf = await page.pdf({ format: "A4" });
  assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
}

// The exact numbers behind a table's cells, by the table's caption or the section's title.
const exact = (page, heading) => page.evaluate((title) => {
  const section = [...document.querySelectorAll("section")].find((one) => one.querySelector("h2")?.textContent.startsWith(title));
  return [...section.querySelectorAll(".wide tbody tr")].map((row) => [...row.cells].map((cell) => cell.dataset.exact || cell.textContent));
}, heading);

async function checkRun(page) {
  const summary = json("run", "summary.json");
  const latency = await exact(page, "Online latency");
  summary.results.forEach((result, i) => {
    const { completed, latency_ns: ns } = result.online;
    assert.deepEqual(latency[i].slice(0, 6), [result.policy, completed, ns.p50, ns.p95, ns.p99, ns.max].map(String));
  });
  const offline = await exact(page, "Offline work");
  summary.results.forEach((result, i) => assert.equal(Number(offline[i][5]), result.offline.overhead));
  assert.match(await page.textContent("main section h2"), /^Verdict/);

  await page.focus("#ecdf .host");
  const before = await picture(page, "#ecdf canvas"), other = await picture(page, "#histogram canvas");
  await page.keyboard.press("+");
  await settle(page);
  const zoomed = await picture(page, "#ecdf canvas");
  assert.notEqual(zoomed, before, "the key + does not zoom");
  await page.keyboard.press("ArrowRight");
  await settle(page);
  assert.notEqual(await picture(page, "#ecdf canvas"), zoomed, "the arrow does not move");
  assert.equal(await picture(page, "#histogram canvas"), other, "the key + zooms the other chart, too");
  await page.keyboard.press("0");
  await settle(page);
  assert.equal(await picture(page, "#ecdf canvas"), before, "the key 0 does not show all");

  const rows = fs.readFileSync(path.join(folder, "run", "requests.csv"), "utf8").trim().split("\n").slice(1).map((line) => line.split(","));
  const suspend = rows.filter((row) => row[0] === '"suspend"').map((row) => row[5] - row[3]);
  const limit = suspend.toSorted((a, b) => a - b)[suspend.length >> 1];
  await page.selectOption("#requests select", { label: "suspend" });
  await page.fill("#requests input", String(limit / 1e6));
  const above = suspend.filter((ns) => ns > limit);
  assert.match(await page.textContent("#requests output"), new RegExp(`^${above.length} of `));
  const first = await page.$$eval("#requests .inner .row:first-child > div", (cells) => cells.map((cell) => cell.textContent));
  assert.equal(first[0], "suspend");
  assert.equal(first[5], (Math.max(...above) / 1e6).toFixed(3));
  await page.click("#requests .head button >> text=latency");
  assert.equal(await page.textContent("#requests .inner .row:first-child > div:last-child"), (Math.min(...above) / 1e6).toFixed(3));
}

async function checkMany(page) {
  const count = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(count < 3000, `10^5 requests are ${count} elements`);
  assert.match(await page.textContent("#requests output"), /^100000 of 100000 /);
  for (const share of [0.5, 1]) {
    await page.evaluate((at) => { const one = document.querySelector("#requests .scroller"); one.scrollTop = one.scrollHeight * at; }, share);
    await settle(page);
    const shown = await page.$$eval("#requests .inner .row", (all) => all.length);
    assert.ok(shown > 0 && shown <= 40, `${shown} rows are in the document`);
  }
  // The last one in falling order is the fastest: 1 ms.
  assert.equal(await page.textContent("#requests .inner .row:last-child > div:last-child"), "1.000");

  const view = () => page.$eval("#timeline .host", (one) => [Number(one.dataset.from), Number(one.dataset.to)]);
  const [from, to] = await view();
  assert.equal(to - from, 60000 * 100000, "the first 60000 changes of 100 us");
  await page.focus("#timeline .host");
  for (let i = 0; i < 12; ++i) await page.keyboard.press("+");
  await settle(page);
  const [a, b] = await view();
  assert.ok(b - a < (to - from) / 4000, "the key + does not zoom");
  assert.ok((await colours(page, "#timeline canvas"))[0] > 4, "no states are drawn");
  await page.keyboard.press("0");
  await settle(page);
  assert.deepEqual(await view(), [from, to]);
  const box = await (await page.$("#timeline canvas")).boundingBox();
  await page.mouse.move(box.x + 400, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 500, box.y + 10);
  await page.mouse.up();
  await settle(page);
  const [c, d] = await view();
  assert.ok(d - c < (to - from) / 5 && c > from, "dragging does not zoom");
}

async function checkStudy(page) {
  const analysis = json("study", "analysis.json");
  assert.match(await page.textContent("#lead"), /Does <b>it<\/b> depend\?/);
  const answer = await exact(page, "Answer");
  analysis.configurations.forEach((one, i) => {
    assert.equal(Number(answer[i][1]), one.metrics["online.latency_ns.p99"].mean);
    assert.equal(Number(answer[i][2]), one.metrics["offline.overhead"].mean);
  });
  assert.equal(await page.$$eval("#pareto .point", (all) => all.length), analysis.pareto.configurations.length);
  await page.focus("#pareto .point");
  assert.match(await page.textContent("#pareto .readout"), /on the front: /);
}

(async () => {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  command("run", "--policy", "none,suspend", "--out", path.join(folder, "run"), "--quiet");
  const written = fs.readFileSync(path.join(folder, "run", "report.html"), "utf8");
  command("report", path.join(folder, "run"));
  assert.ok(fs.readFileSync(path.join(folder, "run", "report.html"), "utf8") === written, "`report` makes other bytes than `run --out`");
  writeStudy();
  writeMany();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await open(browser, "run", checkRun);
    await open(browser, "study", checkStudy);
    await open(browser, "many", checkMany);
  } finally {
    await browser.close();
  }
  console.log("3 pages are as they should be");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
