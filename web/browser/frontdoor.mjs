// Drives the front door of the whole program in a real Chromium, from signing in on, and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node frontdoor.mjs '{"chromium":"/usr/bin/chromium","site":"http://localhost:…"}', where kith demo --auth on serves
import { barriers, fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });
const button = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
const link = (page, name) => page.getByRole("link", { name, exact: true }).first().click();
const title = (page) => page.locator("h1").first().innerText();

// signIn signs in as the nth of the people on offer who may see their record, or as staff of a role, and counts what is pressed.
async function signIn(page, who = /level P9/) {
  await look(page, "/signin");
  await page.getByRole("link", { name: typeof who === "string" ? /Sign in with .*staff/i : /Sign in with (?!.*staff)/i }).first().click();
  await page.getByLabel(who).first().check();
  await button(page, "Continue");
  await page.waitForURL((u) => u.pathname === "/my" || u.pathname === "/" || u.pathname === "/signin/role");
}

await attempt("a day of somebody who uses all of it, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await signIn(page);
  must(/^Hello, /.test(await title(page)), `it says ${await title(page)}`);
  // A result with its explanation, two activations from the hub.
  await link(page, "Test results");
  must((await title(page)) === "Test results", await title(page));
  must((await page.getByText("What this means").count()) > 0, "no result is explained");
  // Ask, to its outcome, and see how it stands.
  await look(page, "/my");
  await link(page, "Ask about a health problem");
  await page.getByLabel("What do you need help with?").fill("I have had a cough for 4 weeks and I am losing weight");
  await button(page, "Continue");
  await page.locator("input[name=answer]").first().check();
  await button(page, "Continue");
  for (let n = 0; n < 14 && (await page.getByRole("button", { name: "Continue" }).count()); n++) {
    const none = page.getByLabel("None of these"), no = page.getByLabel("No", { exact: true });
    if (await none.count()) await none.check();
    else if (await no.count()) await no.check();
    else await page.locator("input[name=answer]").first().check();
    await button(page, "Continue");
  }
  must(await page.getByRole("heading", { name: "Why we say this" }).isVisible(), "it does not say why");
  await link(page, "See how it stands");
  must(await page.getByText("Help with a health problem").first().isVisible(), "the request is not listed");
  must(await page.getByText(/You hear by/).first().isVisible(), "it is not said by when");
  // A reading.
  await look(page, "/my/readings");
  await page.getByLabel("Pulse").fill("72");
  await button(page, "Send");
  must(await page.getByText("Your reading was sent.").isVisible(), "the reading did not come");
  // Book, cancel, undo.
  await look(page, "/my/appointments");
  await button(page, "Book an appointment");
  await page.locator("input[type=radio]").first().check();
  await button(page, "Continue");
  await page.locator("button.kith-time").first().click();
  await button(page, "Book this appointment");
  must((await title(page)) === "Booked", `it says ${await title(page)}`);
  const booked = new URL(page.url()).pathname;
  await look(page, "/my");
  must(await page.getByRole("heading", { name: "New and next" }).isVisible(), "the hub does not say what is next");
  await look(page, booked);
  await link(page, "Cancel it");
  await button(page, "Cancel this appointment");
  await button(page, "Undo");
  must((await title(page)) === "Undone", `it says ${await title(page)}`);
  // A message.
  await look(page, "/my/messages/new");
  if (await page.locator("input[type=radio]").count()) {
    await page.locator("input[type=radio]").first().check();
    await button(page, "Continue");
  }
  await page.getByLabel("What is it about?").fill("My tablets");
  await page.getByLabel("Your message").fill("May I take them in the morning?");
  await button(page, "Send");
  must(await page.getByText("Your message was sent.").isVisible(), "the message was not sent");
  // Somebody to trust.
  await look(page, "/my/trusted/new");
  await page.getByLabel("Who do you trust?").fill("My daughter Joy");
  await button(page, "Continue");
  await page.getByLabel("See my health record").check();
  await button(page, "Continue");
  await page.getByLabel("1 month").check();
  await button(page, "Continue");
  await button(page, "Make a code for them");
  must(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(await page.locator(".kith-code").innerText()), "there is no code");
  // A link worker.
  await look(page, "/my/near/link");
  await page.getByLabel("Meeting people, feeling less alone").check();
  await button(page, "Send");
  must(await page.getByText("A link worker has been asked").isVisible(), "no link worker was asked");
});

await attempt("large print and Welsh once chosen go along, and the keyboard is enough", {}, async (page) => {
  await signIn(page);
  for (const [selector, shown] of [['a[href="?set=large"]', "html.kith-large"], ['a[href="?words=cy"]', "html[lang=cy]"]]) {
    await tabTo(page, selector);
    await page.keyboard.press("Enter");
    await page.locator(shown).waitFor({ state: "attached" });
    await page.waitForLoadState();
  }
  await look(page, "/my/record/results");
  must((await page.locator("html").getAttribute("lang")) === "cy" && (await page.locator("html").getAttribute("class")) === "kith-large", "the choice did not go along");
});

// Every way from the hub, at every place from which it is used.
async function ways(page, from, base) {
  await look(page, from);
  const to = await page.locator(".kith-hub a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  must(to.length >= 12, `only ${to.length} ways lead on`);
  for (const path of to) {
    must(path.startsWith(base), `${path} leads away`);
    const answer = await look(page, path);
    must(answer.status() === 200, `${path} answers ${answer.status()}`);
    const found = await barriers(page);
    must(found.violations.length === 0, `${path}: ${found.violations.map((v) => `${v.id} ${v.nodes[0].html.slice(0, 100)}`).join("; ")}`);
    await fits(page).catch((e) => { throw new Error(`${path}: ${e.message}`); });
  }
  return `${to.length} ways`;
}

// crawl follows links below an address, at most some of each shape of address, and looks at each page.
async function crawl(page, from, most, check) {
  const seen = new Set([from]), shapes = new Map(), queue = [from];
  const by = new Map();
  for (let path; (path = queue.shift()); ) {
    for (const to of await check(path, by.get(path))) {
      const shape = to.replace(/\?.*/, "?").replace(/\/[^/?]*[0-9][^/?]{8,}/g, "/ID");
      if (!to.startsWith("/my/") || /[?&](words|set|file)=|\.ics|\/(file|document)$/.test(to) || seen.has(to)) continue;
      shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
      if (shapes.get(shape) > most) continue;
      seen.add(to);
      by.set(to, path);
      queue.push(to);
    }
  }
  must(seen.size > 60, `only ${seen.size} pages were found`);
  return `${seen.size} pages`;
}
const links = (page) => page.locator("a[href]").evaluateAll((all) => all.map((a) => a.getAttribute("href").replace(/#.*/, "")));

await attempt("every page that links lead to, looked at by axe", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await signIn(page);
  return crawl(page, "/my", 2, async (path, by) => {
    const answer = await look(page, path);
    must(answer.status() === 200, `${path} (from ${by}) answers ${answer.status()}`);
    await noBarriers(page).catch((e) => { throw new Error(`${path}: ${e.message}`); });
    await fits(page).catch((e) => { throw new Error(`${path}: ${e.message}`); });
    return links(page);
  });
});

// What a page says in Welsh has no English in it but names, and what sources wrote, which is marked as English.
await attempt("every page that links lead to, in Welsh", { bypassCSP: true }, async (page) => {
  await signIn(page);
  await look(page, "/my/near");
  const names = await page.locator(".kith-card h2 a").allInnerTexts();
  names.push("The pharmacy in Market Street");
  await look(page, "/my?words=cy");
  const english = /(?<![a-zâêîôûŵŷ'’])(the|and|your|you|with|this|that|for|not|are|was|have|has|from|they|their|what|when|which|who|how|of|will|been|may|cannot|please)(?![a-zâêîôûŵŷ'’])/i;
  return crawl(page, "/my", 12, async (path) => {
    const answer = await look(page, path);
    must(answer.status() === 200 && (await page.locator("html").getAttribute("lang")) === "cy", `${path} answers ${answer.status()}, or not in Welsh`);
    const said = await page.evaluate(() => {
      const out = [document.title];
      const read = (of) => {
        for (const one of of.childNodes) {
          if (one.nodeType === Node.TEXT_NODE) out.push(one.textContent.trim());
          if (one.nodeType !== Node.ELEMENT_NODE || one.getAttribute("lang")?.startsWith("en") || one.classList.contains("kith-said")) continue;
          for (const name of ["aria-label", "alt", "placeholder", "data-label"]) out.push(one.getAttribute(name) ?? "");
          read(one);
        }
      };
      read(document.body);
      return out;
    });
    // A summary has the terms that professionals read in brackets.
    const bare = (text) => names.reduce((rest, name) => rest.replaceAll(name, ""), path === "/my/record/summary" ? text.replace(/ \(.*\)$/, "") : text);
    for (const text of said) must(!english.test(bare(text)) || text.startsWith("Peidiwch ag yfed coffi na the"), `${path} says in English: ${text}`);
    return links(page);
  });
});

await attempt("every way from the hub, on a small telephone, looked at by axe", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await signIn(page);
  return ways(page, "/my", "/my/");
});

await attempt("every way from the hub in large print, looked at by axe", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await signIn(page);
  await look(page, "/my?set=large");
  return ways(page, "/my", "/my/");
});

await attempt("at the desk, for somebody who telephones: a repeat, a reading, the sheet to take home; without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await signIn(page, "receptionist");
  if (new URL(page.url()).pathname === "/signin/role") {
    await page.locator("input[type=radio]").first().check();
    await button(page, "Continue");
  }
  await look(page, "/");
  const people = await page.locator('a[href^="/person/"]').evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  let person = "";
  for (const one of people) {
    await look(page, `${one}/prescriptions`);
    if (await page.locator("input[name=item]").count()) { person = one; break; }
  }
  must(person, "nobody of this practice has a medicine on repeat");
  const medicine = (await page.locator("label[for=item]").innerText()).trim();
  await page.locator("#item").check();
  await button(page, "Continue");
  const why = page.locator("[name=why]");
  if (await why.count()) await why.fill("She is going away");
  await page.locator("main form button.nhsuk-button").click();
  must((await title(page)) === "Ordered", `it says ${await title(page)}`);
  await look(page, `${person}/readings`);
  await page.getByLabel("Pulse").fill("76");
  await page.getByLabel("On the telephone").check();
  await button(page, "Send");
  must(await page.getByText("Your reading was sent.").isVisible(), "the reading was not sent");
  await look(page, `${person}/front/print`);
  for (const said of ["Test or measurement", "76", "Medicine", medicine]) must((await page.locator("main").innerText()).includes(said), `the sheet does not say ${said}`);
});

await attempt("every way on somebody's behalf, at the desk, looked at by axe", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await signIn(page, "clinician");
  if (new URL(page.url()).pathname === "/signin/role") {
    await page.locator("input[type=radio]").first().check();
    await button(page, "Continue");
  }
  await look(page, "/");
  // Not everybody of the town is of this clinician's practice.
  const people = await page.locator('a[href^="/person/"]').evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  for (const person of people) {
    if ((await look(page, `${person}/requests`)).status() === 200) return ways(page, `${person}/front`, person);
  }
  throw new Error("nobody is cared for by this clinician");
});

await browser.close();
