// Drives asking for help and sending readings in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node patient.mjs '{"chromium":"/usr/bin/chromium","site":"http://…"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });
const go = (page) => page.getByRole("button", { name: "Continue" }).click();

// begin says what is wrong and confirms what it is about.
async function begin(page, text, about) {
  await look(page, "/my/ask");
  await page.getByLabel("What do you need help with?").fill(text);
  await go(page);
  await page.getByLabel(about, { exact: true }).check();
  await go(page);
}

// finish answers every question with no or none and answers what it says in the end.
async function finish(page, each = async () => {}) {
  for (let n = 0; n < 14; n++) {
    await each(page);
    if (!(await page.getByRole("button", { name: "Continue" }).count())) return page.locator("h1").innerText();
    const none = page.getByLabel("None of these"), no = page.getByLabel("No", { exact: true });
    if (await none.count()) await none.check();
    else if (await no.count()) await no.check();
    else await page.locator("input[name=answer]").first().check();
    await go(page);
  }
  throw new Error("there is no end of questions");
}

for (const [name, text, about, outcome] of [
  ["self-care", "sore throat since yesterday, no temperature", "Sore throat", "Look after it yourself"],
  ["routine", "a mole that has changed shape", "Moles, lumps and sores of the skin", "See somebody within a week"],
  ["the same day", "sudden swelling of one calf, it hurts", "Swollen or painful legs", "Get help today"],
  ["999", "crushing chest pain into my left arm and I am sweating", "Chest pain or palpitations", "Call 999"],
]) {
  await attempt(`help is asked for, to ${name}`, {}, async (page) => {
    await begin(page, text, about);
    const said = await finish(page);
    must(said === outcome, `it says ${said}`);
    must(await page.getByRole("heading", { name: "Why we say this" }).isVisible(), "it does not say why");
  });
}

await attempt("the record counts: a knock on the head of somebody on a blood thinner, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/ask");
  await page.getByLabel("What do you need help with?").fill("I fell and banged my head this morning, it is only a bit sore");
  await go(page);
  await page.locator("input[name=answer]").first().check();
  await go(page);
  const said = await finish(page);
  must(said === "Go to A&E now", `it says ${said}`);
  must(await page.getByText(/Apixaban/).first().isVisible(), "it does not name the medicine");
});

await attempt("an emergency is told before any question", {}, async (page) => {
  await look(page, "/my/ask");
  await page.getByLabel("What do you need help with?").fill("crushing chest pain into my left arm and I am sweating");
  await go(page);
  must((await page.getByRole("link", { name: "Call 999" }).getAttribute("href")) === "tel:999", "there is no way to call");
});

await attempt("each step looked at by axe, on a small telephone", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  await look(page, "/my/ask");
  await each();
  await go(page); // nothing written
  await each();
  await page.getByLabel("What do you need help with?").fill("sore throat and a bad headache since yesterday");
  await go(page);
  await each();
  await go(page); // nothing chosen
  await each();
  await page.locator("input[name=answer]").first().check();
  await go(page);
  await go(page); // nothing ticked
  await each();
  await finish(page, each);
  await look(page, "/my/readings");
  await each();
  await page.getByRole("button", { name: "Send" }).click(); // nothing entered
  await each();
  await look(page, "/my/nowhere");
  return each();
});

await attempt("a reading with the keyboard alone, and what to do at once", {}, async (page) => {
  await look(page, "/my/readings");
  for (const [field, value] of [["#systolic", "184"], ["#diastolic", "121"]]) {
    await tabTo(page, field);
    await page.keyboard.type(value);
  }
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.waitForURL(/did=sent/);
  must(await page.getByText("Your reading was sent.").isVisible(), "it is not said that it was sent");
  must(await page.getByRole("alert").getByText(/measure again/).isVisible(), "it is not said what to do");
  must(await page.getByRole("cell", { name: "184/121" }).isVisible(), "the reading is not listed");
});

await attempt("help with the keyboard alone", {}, async (page) => {
  await look(page, "/my/ask");
  await tabTo(page, "#text");
  await page.keyboard.type("sore throat since yesterday, no temperature");
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.waitForURL(/about/);
  for (let n = 0; n < 16; n++) {
    const field = page.locator("input[name=answer]");
    if (!(await field.count())) break;
    const boxes = await page.locator("input[type=checkbox]").count();
    await tabTo(page, boxes ? "input[value=none]" : "input[name=answer]");
    if (!boxes && (await page.locator("input[value=no]").count())) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await tabTo(page, "form button");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  }
  const said = await page.locator("h1").innerText();
  must(said === "Look after it yourself", `it says ${said}`);
});

await browser.close();
