// open_page.cjs PAGE [SCREENSHOT]: opens it in headless Chromium and checks it; exit code 1 says what is wrong.
"use strict";
const assert = require("node:assert");
const { chromium } = require("playwright-core");

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage({ colorScheme: "light" });
  const wrong = [], requests = [];
  page.on("console", (message) => {
    // Chromium's advice on this script's own reading of pixels.
    if (!message.text().startsWith("Canvas2D: Multiple readback")) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto("file://" + process.argv[2]);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await page.textContent("#title"), "</script><b>x: run report");
  assert.match(await page.textContent("#verdict"), /9\.90 ms.*MISSED/);
  const drawn = () => page.evaluate(() => [...document.querySelectorAll("canvas")].map((canvas) => {
    const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return { colours: new Set(pixels).size, picture: canvas.toDataURL() };
  }));
  const before = await drawn();
  assert.equal(before.length, 2);
  for (const chart of before) assert.ok(chart.colours > 10, "a chart is empty");
  await page.focus("#ecdf");
  await page.keyboard.press("+");
  await page.waitForTimeout(100);
  const zoomed = await drawn();
  assert.notEqual(zoomed[0].picture, before[0].picture, "the key + does not zoom");
  assert.equal(zoomed[1].picture, before[1].picture, "the key + zooms the other chart, too");
  await page.keyboard.press("0");
  await page.waitForTimeout(100);
  assert.equal((await drawn())[0].picture, before[0].picture, "the key 0 does not show all");
  if (process.argv[3]) await page.screenshot({ path: process.argv[3], fullPage: true });
  const light = await background();
  await page.click("#theme");
  assert.notEqual(await background(), light, "the switch does not change the theme");
  assert.deepEqual(wrong, []);
  assert.deepEqual(requests.filter((url) => url !== page.url() && !url.startsWith("data:")), []);
  await browser.close();
})().catch((error) => { console.error(String(error)); process.exit(1); });
