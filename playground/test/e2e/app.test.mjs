// The built app, as a person uses it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { launch, openApp, runLine, serve } from "../browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let server, browser, context, url;

before(async () => {
  server = await serve();
  browser = await launch({ acceptDownloads: true });
  ({ context } = browser);
  ({ url } = server);
});
after(async () => {
  await browser?.close();
  server?.close();
});

const drop = async (page, name, text) => {
  const data = await page.evaluateHandle(([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name));
    return transfer;
  }, [name, text]);
  await page.dispatchEvent(".drop", "drop", { dataTransfer: data });
};

test("a first visit explains itself, and its lines really run", async (t) => {
  const page = await openApp(context, url);
  const usable = await page.evaluate(() => performance.getEntriesByName("koru-playground usable")[0].startTime);
  t.diagnostic(`page load until usable: ${usable.toFixed(0)} ms`);
  assert.match(await page.innerText("h1"), /forgets nothing/);
  await page.click("text=Write a document");
  await page.locator(".entry .result >> text=/@/").waitFor();
  assert.match(await runLine(page, 'await db.collection("people").get("ada")'), /Ada Lovelace/);
  await page.locator(".status >> text=1 commit").waitFor();
  assert.match(await page.innerText(".status"), /OPFS.*strict durability.*1 commit/s);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test("the console keeps names, prints rows, and tells errors with their code", async () => {
  const page = await openApp(context, url, "#/console", "console");
  assert.match(await runLine(page, 'const people = db.collection("people")'), /putMany/);
  await runLine(page, 'await people.put("grace", { born: 1906, big: 2n ** 60n })');
  assert.match(await runLine(page, '(await people.get("grace")).big'), /1152921504606846976n/);
  await runLine(page, "people.scan()");
  await page.locator(".entry .result").last().getByText(/^1 row$/).waitFor();
  assert.match(await page.locator(".entry .result").last().innerText(), /grace[^]*1 row/);
  assert.match(await runLine(page, 'people.put("grace", 1, { expected: null })'), /CONFLICT/);
  assert.match(await runLine(page, "1 +"), /SyntaxError/);
  assert.match(await runLine(page, "nothing.here"), /ReferenceError nothing is not defined/);
  const input = page.getByRole("textbox", { name: "Line to run" });
  await input.press("ArrowUp");
  assert.equal(await input.inputValue(), "nothing.here");
  await page.close();
});

test("completion offers methods, collections and keys, and knows every method there is", async () => {
  const page = await openApp(context, url, "#/console", "complete");
  await runLine(page, 'await db.collection("planets").putMany({ mars: 1, mercury: 2, venus: 3 })');
  await page.locator(".status >> text=1 commit").waitFor();
  const input = page.getByRole("textbox", { name: "Line to run" });
  const offered = async (text) => {
    await input.fill("");
    await input.pressSequentially(text);
    await page.waitForFunction((line) => document.querySelector(".completions:not([hidden])")?.dataset.line === line, text);
    return page.locator(".completions li code").allInnerTexts();
  };
  assert.deepEqual(await offered('db.collection("pl'), ["planets"]);
  assert.deepEqual(await offered('db.collection("planets").get("m'), ["mars", "mercury"]);
  assert.ok((await offered("db.coll")).includes("collections"));
  assert.ok((await offered('db.collection("planets").hi')).includes("history"));
  await input.press("Tab");
  assert.equal(await input.inputValue(), 'db.collection("planets").history');
  for (const [value, text] of [["db", "db."], ['db.workspace("main")', 'db.workspace("main").'], ['db.collection("x")', 'db.collection("x").']]) {
    const real = await runLine(page, `(() => { const names = new Set(); for (let p = Object.getPrototypeOf(${value}); p !== Object.prototype; p = Object.getPrototypeOf(p)) for (const n of Object.getOwnPropertyNames(p)) names.add(n); return [...names].filter((n) => n !== "constructor").join(" ") })()`);
    const known = new Set(await offered(text));
    for (const name of JSON.parse(real).split(" ")) assert.ok(known.has(name), `${name} of ${value} is not offered`);
  }
  await page.close();
});

test("completions stay for who leaves the line and comes back, and go for who stays away", async () => {
  const page = await openApp(context, url, "#/console", "leave");
  const input = page.getByRole("textbox", { name: "Line to run" });
  const list = page.locator(".completions");
  await input.pressSequentially("db.");
  await list.waitFor();
  await input.evaluate((area) => { area.blur(); area.focus(); });
  await page.waitForTimeout(400);
  assert.ok(await list.isVisible());
  await page.getByRole("button", { name: "Clear" }).focus();
  await list.waitFor({ state: "hidden" });
  await page.close();
});

test("documents are found by prefix, changed, deleted, and keep their history", async () => {
  const page = await openApp(context, url, "#/console", "browse");
  await runLine(page, 'await db.collection("things").putMany(Array.from({ length: 3000 }, (_, i) => [`k${String(i).padStart(5, "0")}`, { i }]))');
  await page.click("nav >> text=Documents");
  await page.locator(".names >> text=things").click();
  await page.locator(".row").first().waitFor();
  assert.ok((await page.locator(".row").count()) < 100, "only rows in sight are in the page");
  await page.getByLabel("Prefix of the keys").fill("k0299");
  await page.locator(".note >> text=10 keys").waitFor();
  await page.locator(".row >> text=k02995").click();
  await page.locator(".document .v-number >> text=2995").waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Value", { exact: true }).fill('{ "i": -1 }');
  await page.getByLabel("Message").fill("turned around");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".versions >> text=turned around").waitFor();
  await page.locator(".versions li").first().getByRole("button", { name: "Compare" }).click();
  await page.locator(".diff .removed >> text=2995").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.locator("text=It is not there now").waitFor();
  await page.locator(".versions li").nth(1).getByRole("button", { name: "Restore" }).click();
  await page.locator(".document .v-number >> text=-1").waitFor();
  assert.equal(await page.locator(".versions li").count(), 4);
  await page.close();
});

test("dragging through time changes the document, and two moments stand side by side", async () => {
  const page = await openApp(context, url, "#/console", "time");
  for (const n of [1, 2, 3, 4]) await runLine(page, `await db.collection("c").put("doc", { n: ${n}, list: [${n}] }, { message: "step ${n}" })`);
  await page.click("nav >> text=Timeline");
  await page.locator(".told >> text=4 of 4 commits").waitFor();
  await page.locator(".diff .right >> text=/\"n\": 4/").waitFor();
  const slider = page.getByRole("slider", { name: "Moment", exact: true });
  await slider.focus();
  await slider.press("ArrowLeft");
  await slider.press("ArrowLeft");
  await page.locator(".told >> text=step 2").waitFor();
  await page.locator(".diff .right >> text=/\"n\": 2/").waitFor();
  assert.match(await slider.getAttribute("aria-valuetext"), /step 2/);
  const box = await slider.boundingBox();
  await page.mouse.move(box.x + box.width / 3, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 8, box.y + box.height / 2, { steps: 6 });
  await page.mouse.up();
  await page.locator(".diff .right >> text=/\"n\": 4/").waitFor();
  await page.getByRole("button", { name: "Compare two moments" }).click();
  await page.getByRole("slider", { name: "Moment to compare with" }).press("Home");
  await page.locator(".diff.side tr.changed .left >> text=/\"n\": 1/").waitFor();
  await page.locator(".diff.side tr.changed .right >> text=/\"n\": 4/").waitFor();
  await page.click("nav >> text=Log");
  await page.locator(".row >> text=step 3").click();
  await page.locator(".change .diff .added >> text=/\"n\": 3/").waitFor();
  await page.close();
});

test("JSON Lines and CSV are imported by drop, with progress, and a bad line is named", async () => {
  const page = await openApp(context, url, "#/import", "import");
  const lines = Array.from({ length: 2500 }, (_, i) => JSON.stringify({ id: `p${i}`, n: i })).join("\n");
  await drop(page, "points.jsonl", lines);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.locator("text=2,500 documents imported").waitFor();
  await drop(page, "cities.csv", 'id,name,people,capital\n1,"Wellington, NZ",215400,true\n2,Oslo,717710,true\n');
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.locator("text=2 documents imported").waitFor();
  await drop(page, "bad.jsonl", '{"id":1}\n{"id":');
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.locator("text=/line 2 is no JSON/").waitFor();
  assert.match(await runLine(page, 'await db.collection("cities").get("1")'), /capital: true[^]*Wellington, NZ[^]*215400/);
  assert.match(await runLine(page, '(await db.collection("points").keys().toArray()).length'), /2500/);
  await page.close();
});

test("the worker is killed in the middle of writes and nothing acknowledged is lost", async (t) => {
  const page = await openApp(context, url, "#/crash", "crash");
  await page.getByRole("button", { name: "Start writing" }).click();
  await page.waitForFunction(() => Number(document.querySelector("output").textContent.replaceAll(",", "")) > 200);
  await page.getByRole("button", { name: "Kill the worker now" }).click();
  await page.locator("text=Nothing was lost").waitFor({ timeout: 60_000 });
  const facts = Object.fromEntries(await page.locator("table.facts tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))));
  t.diagnostic(JSON.stringify(facts));
  assert.equal(facts["Acknowledged and lost"], "0");
  assert.equal(facts["Written twice"], "0");
  assert.ok(Number(facts["Under way at the kill"]) > 0, "it was killed in the middle of writes");
  assert.ok(Number(facts["Documents found afterwards"].replaceAll(",", "")) > 200);
  assert.match(await runLine(page, "(await db.verify()).problems.length"), /^0$/);
  await page.close();
});

test("two tabs see what the other writes", async () => {
  const one = await openApp(context, url, "#/console", "two");
  await runLine(one, 'await db.collection("c").put("before", 1)');
  const two = await openApp(context, url, "#/documents/c", "two");
  await two.locator(".row >> text=before").waitFor();
  await two.locator(".status >> text=2 tabs").waitFor();
  await runLine(one, 'await db.collection("c").put("live", 2)');
  await two.locator(".row >> text=live").waitFor();
  await one.close();
  assert.match(await runLine(two, 'await db.collection("c").get("live")'), /2/);
  await two.close();
});

test("an exported database is imported as another one, with its history", async () => {
  const page = await openApp(context, url, "#/console", "out");
  await runLine(page, 'await db.collection("c").put("k", "old")');
  await runLine(page, 'await db.collection("c").put("k", "new")');
  await page.click("nav >> text=Database");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export as an archive" }).click()]);
  const path = join(tmpdir(), `koru-playground-${process.pid}.tar`);
  await download.saveAs(path);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.locator("text=All is well").waitFor();
  await page.getByLabel("Name of the new database").fill("back");
  await page.locator('input[type="file"]').setInputFiles(path);
  await page.waitForURL(/db=back/);
  await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
  await page.click("nav >> text=Console");
  assert.match(await runLine(page, '(await db.collection("c").history("k").toArray()).map((v) => v.value).join()'), /new,old/);
  await page.close();
});

test("dark and light follow the system, and the switch", async () => {
  const page = await openApp(context, url, "#/start", "theme");
  const ink = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ink();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ink();
  assert.notEqual(light, dark);
  await page.getByRole("button", { name: "Theme: system" }).click();
  assert.equal(await ink(), light);
  await page.reload();
  assert.equal(await ink(), light, "the choice outlives a reload");
  await page.getByRole("button", { name: "Theme: light" }).click();
  await page.emulateMedia({ colorScheme: "light" });
  assert.equal(await ink(), dark);
  await page.close();
});

test("everything can be reached with the keyboard alone", async () => {
  const page = await openApp(context, url, "#/start", "keys");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip to the content/);
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator(".entry .result >> text=/@/").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "TEXTAREA");
  await page.keyboard.type('await db.collection("people").put("bob", 1)');
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator(".status >> text=2 commits").waitFor();
  await page.getByRole("link", { name: "Documents" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("listbox", { name: "Keys" }).focus();
  await page.locator(".row >> text=bob").waitFor();
  await page.keyboard.press("End");
  await page.locator(".document h2.path >> text=bob").waitFor();
  await page.close();
});

for (const width of [1280, 390]) {
  test(`axe finds nothing in any panel at ${width} pixels, light and dark`, { timeout: 120_000 }, async () => {
    const page = await openApp(context, url, "#/console", "axe");
    await page.setViewportSize({ width, height: 800 });
    await runLine(page, 'await db.collection("c").put("k", { a: [1, "x", null] })');
    await runLine(page, 'await db.collection("c").put("k", { a: [1, "y", null] })');
    await runLine(page, 'db.collection("c").history("k")');
    await page.evaluate(axe);
    const found = [];
    for (const hash of ["start", "console", "documents/c/k", "timeline/c/k", "vectors", "log", "import", "crash", "database"]) {
      await page.evaluate((hash) => (location.hash = `#/${hash}`), hash);
      await page.locator(`.panel.${hash.split("/")[0]}`).waitFor();
      await page.waitForTimeout(300);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        found.push(...violations.map(({ id, nodes }) => `${hash} ${colorScheme} ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`));
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${hash} is ${overflow} pixels too wide`);
    }
    assert.deepEqual(found, []);
    assert.deepEqual(page.problems, []);
    await page.close();
  });
}
