// Drives the pages in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node journeys.mjs '{"chromium":"/usr/bin/chromium","site":"http://…","filling":"http://…","pages":{name: path},"picture":"docs/person.png"}'
import { barriers, fits, must, noBarriers, open, say } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);

async function look(page, path, base = asked.site) {
  await page.goto(base + path, { waitUntil: "load" });
}

// findAndOpen is the journey of the demonstration: search for a person, open their record, see a chart.
async function findAndOpen(page) {
  await look(page, "/");
  await page.getByLabel("NHS number").fill(asked.person.number);
  await page.getByRole("button", { name: "Find" }).click();
  const link = page.getByRole("link", { name: asked.person.name });
  must((await link.count()) === 1, `${await link.count()} people of that NHS number`);
  await link.click();
  must((await page.locator("h1").innerText()).includes(asked.person.name), "the banner names somebody else");
  const text = await page.locator(".kith-banner").innerText();
  must(text.includes(asked.person.number) && text.includes(asked.person.born), `the banner says ${text}`);
  const charts = await page.locator("svg.kith-chart").count();
  must(charts > 3, `${charts} charts`);
  must(await page.locator("svg.kith-chart path.line").first().isVisible(), "the chart has no line");
  for (const heading of ["Problems", "Medicines", "Results", "Timeline"]) {
    must(await page.getByRole("heading", { name: heading }).isVisible(), `no ${heading}`);
  }
  return `${charts} charts`;
}

await attempt("find a person and see their record", {}, findAndOpen);
await attempt("the same without JavaScript", { javaScriptEnabled: false }, findAndOpen);

await attempt("the same with the keyboard alone", {}, async (page) => {
  await look(page, "/");
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim().slice(0, 40));
  await page.keyboard.press("Tab");
  must((await focused()) === "Skip to main content", `first comes ${await focused()}`);
  must(await page.locator(".nhsuk-skip-link").evaluate((e) => e.getBoundingClientRect().width > 20), "the skip link stays hidden");
  await page.keyboard.press("Enter");
  must((await focused()) === "main", `the skip link leads to ${await focused()}`);
  await page.keyboard.press("Tab");
  must((await focused()) === "name", `after main comes ${await focused()}`);
  await page.keyboard.type(asked.person.family);
  await page.keyboard.press("Tab");
  await page.keyboard.type(asked.person.born);
  await page.keyboard.press("Enter");
  await page.waitForURL(/name=/);
  let steps = 0;
  while ((await page.evaluate(() => document.activeElement.pathname ?? "")) !== asked.person.path) {
    must(steps++ < 20, "the person is not reached in 20 steps");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/person/);
  // Through the whole page: everything gets focus that can be seen, and the end is reached.
  const seen = new Set();
  for (let n = 0; n < 400; n++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      if (e === document.body) return null;
      const s = getComputedStyle(e), r = e.getBoundingClientRect();
      e.dataset.n ??= String(Math.random());
      return { n: e.dataset.n, what: e.textContent.trim().slice(0, 30), shown: r.width > 0 && r.height > 0, ring: s.outlineStyle !== "none" || s.boxShadow !== "none" || s.backgroundColor === "rgb(255, 235, 59)" };
    });
    if (at === null || seen.has(at.n)) break;
    seen.add(at.n);
    must(at.shown, `${at.what} has focus and cannot be seen`);
    must(at.ring, `${at.what} does not show that it has focus`);
    must(n < 399, "the keyboard never reaches the end of the page");
  }
  const summary = page.locator("#results ~ table summary").first();
  await summary.focus();
  await page.keyboard.press("Enter");
  must(await page.locator("#results ~ table details[open] li").first().isVisible(), "earlier values do not open with Enter");
  return `${seen.size} stops`;
});

await attempt("a wrong search says what is wrong", {}, async (page) => {
  await look(page, "/");
  await page.getByLabel("NHS number").fill("999 000 0019");
  await page.getByLabel("Date of birth").fill("32-Jan-2001");
  await page.getByRole("button", { name: "Find" }).click();
  must((await page.title()).startsWith("Error:"), await page.title());
  const links = page.locator(".nhsuk-error-summary a");
  must((await links.count()) === 2, `${await links.count()} errors are listed`);
  await links.first().click();
  const id = await page.evaluate(() => document.activeElement.id || location.hash);
  must(id.includes("nhs") || id.includes("born"), `the error leads to ${id}`);
  must((await page.getByLabel("NHS number").inputValue()) === "999 000 0019", "what was typed is gone");
});

await attempt("turn the page, narrow the timeline, go back", {}, async (page) => {
  await look(page, asked.person.path);
  const visits = page.locator(".kith-filter a", { hasText: /^Visits/ });
  await visits.click();
  must(page.url().includes("show=visits"), page.url());
  const kinds = await page.locator(".kith-timeline tbody tr").count();
  await page.goBack();
  must((await page.locator(".kith-timeline tbody tr").count()) >= kinds, "going back shows less");
});

// What follows means something only if axe sees a barrier that is there.
await attempt("axe finds barriers", { bypassCSP: true }, async (page) => {
  await look(page, "/");
  await page.evaluate(() => {
    document.querySelector("label").remove();
    document.querySelector(".kith-hint, .nhsuk-hint").setAttribute("style", "color:#ccc");
  });
  const ids = (await barriers(page)).violations.map((v) => v.id);
  must(ids.includes("label") && ids.includes("color-contrast"), `axe finds ${ids}`);
});

// Each page: nothing from elsewhere, few bytes, nothing wider than a small telephone, no fault that axe knows of.
for (const [name, at] of Object.entries(asked.pages)) {
  const where = at.match(/^(filling|console|closed):/)?.[1];
  const base = where ? asked[where] : asked.site;
  const path = where ? at.slice(where.length + 1) : at;

  await attempt(`bytes: ${name}`, {}, async (page) => {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Network.enable");
    const requests = new Map();
    cdp.on("Network.requestWillBeSent", (e) => requests.set(e.requestId, { url: e.request.url, bytes: 0 }));
    cdp.on("Network.loadingFinished", (e) => { if (requests.has(e.requestId)) requests.get(e.requestId).bytes = e.encodedDataLength; });
    await look(page, path, base);
    await page.waitForTimeout(150);
    const first = [...requests.values()];
    const bytes = first.reduce((sum, r) => sum + r.bytes, 0);
    const foreign = first.filter((r) => !r.url.startsWith(base));
    must(foreign.length === 0, `asks ${foreign.map((r) => r.url)}`);
    must(bytes > 2000 && bytes <= 45 * 1024, `${bytes} bytes for the first view`);
    requests.clear();
    await page.reload();
    await page.waitForTimeout(150);
    const again = [...requests.values()].filter((r) => r.bytes > 0);
    const more = again.reduce((sum, r) => sum + r.bytes, 0);
    must(more <= 12 * 1024, `${more} bytes for a repeated view`);
    return `${first.length} requests, ${bytes} bytes; again ${more} bytes`;
  });

  await attempt(`320 px: ${name}`, { viewport: { width: 320, height: 640 } }, async (page) => {
    await look(page, path, base);
    await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
    await fits(page);
  });

  for (const media of ["screen", "print"]) {
    await attempt(`axe, ${media}: ${name}`, { bypassCSP: true }, async (page) => {
      await page.emulateMedia({ media });
      await look(page, path, base);
      return noBarriers(page);
    });
  }
}

// The console: from what is wrong with a feed to the row at fault, and from an entry of the record to the row it came from.
for (const [how, options] of [["", {}], [" without JavaScript", { javaScriptEnabled: false }]]) {
  await attempt(`from a feed's errors to the row at fault${how}`, options, async (page) => {
    await look(page, "/feeds", asked.console);
    must((await page.locator("tbody tr").first().innerText()).includes("Held"), "what is held does not stand first");
    await page.getByRole("link", { name: "Mill Lane Surgery (EMIS Web)" }).click();
    await page.locator("summary", { hasText: "is not a number" }).click();
    must((await page.locator("mark").first().innerText()) === "4.1O", "the column at fault is not marked");
    await page.locator("details[open] a").first().click();
    must((await page.locator("pre").innerText()).includes("PatientGuid"), "what arrived is not shown");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download it as it arrived" }).click()]);
    must(download.suggestedFilename().startsWith("291_CareRecord_Observation"), download.suggestedFilename());
  });

  await attempt(`from an entry to where it came from${how}`, options, async (page) => {
    await look(page, asked.joined, asked.console);
    await page.locator("tr", { hasText: "Potassium" }).getByRole("link", { name: "Merrowby Hospital" }).first().click();
    must((await page.locator("mark").innerText()).startsWith("OBX|2|NM|K^Potassium"), "the segment is not marked");
    must((await page.locator("h1").innerText()).includes("OKAFOR"), "the page does not say whose entry it is");
    await page.getByRole("link", { name: "All sources in one list" }).click();
    must(await page.locator("tr", { hasText: "Essential hypertension" }).getByText("Sources disagree").isVisible(), "the conflict is not shown");
    await page.getByRole("link", { name: "What arrived and from where" }).click();
    must((await page.locator("#records ~ table tbody tr").count()) === 3, "not three sources");
  });
}

await attempt("a feed is given a file", {}, async (page) => {
  await look(page, "/feeds/tpp-zz003", asked.console);
  await page.getByLabel("Upload a file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("nothing") });
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  must((await page.title()).startsWith("Error:"), await page.title());
  must(await page.locator("#file-error").isVisible(), "no word at the field");
});

// Pages that a form answers when something in it is wrong.
for (const [name, path, button] of [["upload", "/feeds/emis-zz001", "Upload"], ["hold", "/feeds/emis-zz001", "Hold"], ["answer", asked.pages.question.slice(8), "Save the answer"], ["take out", asked.joined + "/links", "Take it out"], ["record trust", asked.joined + "/trusted", "Record it"], ["trust nobody", "/my/trusted/new", "Continue"], ["no code", "/my/trusted/accept", "Continue"]]) {
  await attempt(`axe, wrong form: ${name}`, { bypassCSP: true }, async (page) => {
    await look(page, path, asked.console);
    await page.getByRole("button", { name: button, exact: true }).click();
    must((await page.title()).startsWith("Error:"), await page.title());
    const links = page.locator(".nhsuk-error-summary a");
    for (const link of await links.all()) {
      must((await page.locator((await link.getAttribute("href"))).count()) === 1, "an error leads nowhere");
    }
    await noBarriers(page);
  });
}

// Letting somebody in: each step looked at by axe, then all of it without script, and with the keyboard alone.
async function letIn(page, each = async () => {}) {
  await look(page, "/my/trusted/new", asked.console);
  await each("who");
  await page.getByLabel("Who do you trust?").fill("My daughter Joy");
  await page.keyboard.press("Enter");
  await page.getByText("What may they do?").waitFor();
  await each("what");
  await page.getByLabel("See my health record").check();
  await page.getByLabel("Book, change and cancel").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("For how long?").waitFor();
  await each("how long");
  await page.getByLabel("1 year").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Check your answers" }).waitFor();
  await each("check");
  await page.getByRole("button", { name: "Make a code for them" }).click();
  await page.getByRole("heading", { name: "Give them this code" }).waitFor();
  await each("code");
  must(/[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.test(await page.locator(".kith-code").innerText()), "there is no code");
}

await attempt("somebody is let in, each step looked at by axe", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await letIn(page, async (step) => {
    const found = await barriers(page);
    must(found.violations.length === 0, step + ": " + found.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join("; "));
  });
});

await attempt("somebody is let in without JavaScript", { javaScriptEnabled: false }, (page) => letIn(page));

await attempt("a closed record is opened in an emergency with the keyboard alone, and says so", {}, async (page) => {
  await look(page, "/person/ada", asked.closed);
  must(await page.getByText("are not caring for this person").isVisible(), "nothing says why it is closed");
  for (let n = 0; (await page.evaluate(() => document.activeElement.id)) !== "reason"; n++) {
    must(n < 40, "the reason is not reached");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type("no");
  await page.keyboard.press("Enter");
  await page.getByText("There is a problem").waitFor();
  await page.getByLabel("Why you must see this record now").fill("collapsed in the waiting room");
  await page.keyboard.press("Enter");
  await page.waitForURL(/open=/);
  must(await page.getByText("is open to you until").isVisible(), "nothing says how long it is open");
});

await attempt("a question is answered with the keyboard alone, and taken back", {}, async (page) => {
  await look(page, asked.pages.question.slice(8), asked.console);
  const to = async (id) => {
    for (let n = 0; (await page.evaluate(() => document.activeElement.id)) !== id; n++) {
      must(n < 60, `${id} is not reached`);
      await page.keyboard.press("Tab");
    }
  };
  await to("same");
  await page.keyboard.press("Space");
  await to("reason");
  await page.keyboard.type("the practice says so");
  await page.keyboard.press("Enter");
  await page.waitForURL(/did=same/);
  must(await page.getByText("There are no open questions").isVisible(), "the question is still open");
  await look(page, asked.reed + "/links", asked.console);
  must(await page.getByText("the practice says so").isVisible(), "the reason is not in the history");
  await page.getByLabel("Mill Lane Surgery").check();
  await page.getByLabel("How you know").fill("it was his cousin");
  await page.getByRole("button", { name: "Take it out" }).click();
  await page.waitForURL(/did=apart/);
  must(await page.getByText("stands alone again").isVisible(), "nothing says that it was done");
});

await attempt("a held feed is released", {}, async (page) => {
  await look(page, "/feeds/emis-zz002", asked.console);
  await page.getByRole("link", { name: "Look at it and release the feed" }).click();
  await page.getByRole("button", { name: "Release the feed" }).click();
  await page.waitForURL(/did=released/);
  must(await page.getByText("The feed was released").isVisible(), "nothing says that it was done");
});

// How long the server takes, as the browser's reader waits for it: the best of three rounds, for a busy machine.
for (const [name, path] of [["search", `/?name=${asked.person.family}`], ["person", asked.person.path]]) {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const times = [];
    for (let n = 0; n < 40; n++) {
      const start = performance.now();
      await (await fetch(asked.site + path)).text();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    best = Math.min(best, times[Math.floor(times.length * 0.95)]);
  }
  say(`server p95: ${name}`, best <= 50 ? "" : `${best.toFixed(1)} ms`, `${best.toFixed(1)} ms`);
}

if (asked.picture) {
  await attempt("picture for the README", { viewport: { width: 1200, height: 1060 } }, async (page) => {
    await look(page, asked.person.path);
    await page.screenshot({ path: asked.picture });
  });
}
await browser.close();
