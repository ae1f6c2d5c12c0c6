// The map of vectors, as a person uses it: with the mouse, with the keyboard, and through time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, openApp, runLine, serve } from "../browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SLOW = { timeout: 120_000 };
let server, browser, page;
const asked = [];

before(async () => {
  server = await serve();
  browser = await launch();
  browser.context.on("request", (request) => asked.push(request.url()));
  page = await openApp(browser.context, server.url, "#/vectors", "vectors");
});
after(async () => {
  await browser?.close();
  server?.close();
});

const near = () => page.locator(".near").evaluateAll((all) => all.map((button) => button.dataset.key));
/** Keys and scores as the package finds them. */
const searched = async (options) => JSON.parse(JSON.parse(await runLine(page, `JSON.stringify((await db.collection("glosses").search(${options})).map((hit) => [hit.key, hit.score.toFixed(4)]))`)));
const select = async (word) => {
  await page.getByLabel("Find a document").fill(word);
  await page.locator(".row", { has: page.getByText(word, { exact: true }) }).first().click();
  await page.locator(`.pane.search h2 >> text=Neighbours of ${word}`).waitFor();
};

test("the sample is loaded when it is asked for, from beside the app, and every vector is a point", SLOW, async (t) => {
  await page.getByText("No collection has vectors yet").waitFor();
  assert.ok(!asked.some((url) => /glosses|npy/.test(url)), "nothing was loaded before");
  const begin = performance.now();
  await page.getByRole("button", { name: "Load the sample" }).click();
  await page.locator(".note >> text=/^5,000 vectors$/").waitFor(SLOW);
  t.diagnostic(`the sample is on the map after ${(performance.now() - begin).toFixed(0)} ms`);
  assert.ok(asked.every((url) => url.startsWith(server.url) || url.startsWith("blob:")), "nothing came from elsewhere");
  await page.getByRole("img", { name: /Map of 5,000 vectors/ }).waitFor();
  assert.ok((await page.locator(".legend li").allInnerTexts()).some((text) => /noun\.animal\s*1203/.test(text)));
  // Points of many colours are really drawn.
  const colours = await page.locator("canvas").evaluate((canvas) => new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);
  assert.ok(colours > 100, `${colours} colours`);
});

test("a search from a document of the list finds what the package finds, and follows k and the filter", SLOW, async () => {
  await select("cheese sauce");
  const [key, score] = [await near(), await page.locator(".near .score").allInnerTexts()];
  assert.equal(key.length, 10);
  await page.getByLabel("k", { exact: true }).fill("5");
  await page.waitForFunction(() => document.querySelectorAll(".near").length === 5);
  await page.getByLabel("Filter (JSON)").fill('{ "topic": ');
  await page.locator('[aria-invalid="true"]').waitFor();
  assert.equal((await near()).length, 5, "what is no JSON leaves the hits");
  await page.getByLabel("Filter (JSON)").fill('{ "topic": { "$above": 1 } }');
  await page.locator(".controls .failure >> text=/\\$above/").waitFor();
  await page.getByLabel("Filter (JSON)").fill('{ "topic": "noun.animal" }');
  await page.getByLabel("Find a document").fill("");
  await page.locator(".note >> text=/^1,203 of 5,000 vectors/").waitFor();
  await page.locator(".outcome >> text=/5 of the 5 nearest/").waitFor();
  const animals = await near();
  const like = /like=([^&]+)/.exec(page.url())[1];
  const url = page.url();
  assert.deepEqual(await searched(`{ like: "${like}" }`), key.map((key, i) => [key, score[i]]));
  assert.deepEqual((await searched(`{ like: "${like}", k: 5, filter: { topic: "noun.animal" } }`)).map(([key]) => key), animals);
  // The address holds all of it.
  await page.goto(url);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll(".near").length === 5);
  assert.deepEqual(await near(), animals);
  await page.getByLabel("Filter (JSON)").fill("");
  await page.locator(".note >> text=/^5,000 vectors$/").waitFor();
});

test("a click on a point searches from it, and a click on a neighbour from that", SLOW, async () => {
  const canvas = page.locator("canvas");
  const { x, y, width, height } = await canvas.boundingBox();
  const tip = page.locator(".tip:not([hidden]) .soft");
  let key;
  for (let i = 0; key === undefined && i < 200; i++) {
    await page.mouse.move(x + width * (0.3 + (i % 20) / 50), y + height * (0.3 + Math.floor(i / 20) / 25));
    if (await tip.isVisible()) {
      key = (await tip.innerText()).split(" ")[0];
      await page.mouse.down();
      await page.mouse.up();
    }
  }
  await page.waitForURL((url) => url.hash.includes(`like=${key}`));
  const [first] = await near();
  await page.locator(".near").first().click();
  await page.waitForURL((url) => url.hash.includes(`like=${first}`));
  await page.waitForFunction((key) => document.querySelector(".near")?.dataset.key !== key, first);
});

test("flat and HNSW are compared: the plan and the index say what they are", SLOW, async (t) => {
  await page.locator(".plan >> text=/flat|rows/").waitFor();
  await page.getByLabel("Index").selectOption("hnsw");
  await page.locator(".index >> text=hnsw").waitFor(SLOW);
  // Whether the graph is followed is the planner's choice; it is made in any case, but for the last few, which are scanned.
  await page.locator(".facts >> text=/(4,9\\d\\d|5,000) of 5,000/").waitFor(SLOW);
  await page.locator(".ready >> text=/^ready$/").waitFor(SLOW);
  await page.locator(".facts td >> text=/the graph|codes \\(i8\\)/").waitFor(SLOW);
  t.diagnostic(`${await page.locator(".outcome").innerText()}: ${await page.locator(".plan").innerText()}`);
  await page.getByLabel("ef", { exact: true }).fill("200");
  await page.waitForURL((url) => url.hash.includes("ef=200"));
  await page.getByLabel("Codes").selectOption("i4");
  await page.locator(".index >> text=flat").waitFor();
  await page.locator(".facts >> text=/codes \\(i4\\)/").waitFor(SLOW);
  assert.match(await runLine(page, '(await db.collection("glosses").vectorConfig()).index'), /flat/);
  await page.goBack();
  await page.locator(".near").first().waitFor();
});

test("dragging the moment changes what is there and what is near, also of what was deleted", SLOW, async () => {
  await page.getByLabel("Filter (JSON)").fill("");
  await select("cheese sauce");
  await page.locator(".near").nth(4).waitFor();
  const now = await near();
  const slider = page.getByRole("slider", { name: "Moment", exact: true });
  await slider.focus();
  await page.getByLabel("Find a document").fill("");
  await slider.press("Home");
  await page.locator(".note >> text=/^1,203 vectors$/").waitFor();
  await page.locator(".outcome >> text=/not there at this moment/").waitFor();
  assert.match(await slider.getAttribute("aria-valuetext"), /WordNet: noun.animal/);
  const then = await near();
  assert.notDeepEqual(then, now);
  await slider.press("End");
  await page.locator(".note >> text=/^5,000 vectors$/").waitFor();
  await page.waitForFunction((key) => document.querySelector(".near")?.dataset.key === key, now[0]);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.locator(".note >> text=/^4,999 vectors$/").waitFor();
  await page.locator(".outcome >> text=/not there at this moment/").waitFor();
  await slider.press("ArrowLeft");
  await page.locator(".note >> text=/^5,000 vectors$/").waitFor();
  await page.waitForFunction(() => !/not there/.test(document.querySelector(".outcome").textContent));
  assert.deepEqual(await near(), now);
  await slider.press("End");
});

test("the keyboard does it all, and axe finds nothing, light and dark, wide and narrow", SLOW, async () => {
  await page.getByRole("listbox", { name: "Documents with a vector" }).focus();
  await page.keyboard.press("Home");
  // The address is that of the last search: of the row that the keys went to.
  const settled = (before) => page.waitForFunction((before) => {
    const like = /like=([^&]+)/.exec(location.hash)?.[1];
    return like !== before && like === document.querySelector('.row[aria-selected="true"] .soft')?.textContent && like;
  }, before).then((handle) => handle.jsonValue());
  const first = await settled();
  await page.keyboard.press("ArrowDown");
  await settled(first);
  await page.locator(".near").first().focus();
  const key = (await near())[0];
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.hash.includes(`like=${key}`));
  assert.equal(await page.evaluate(() => document.activeElement.className), "near", "the focus stays among the neighbours");
  await page.evaluate(axe);
  const found = [];
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      found.push(...violations.map(({ id, nodes }) => `${width} ${colorScheme} ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`));
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} pixels too wide`);
  }
  assert.deepEqual(found, []);
  assert.deepEqual(page.problems, []);
});
