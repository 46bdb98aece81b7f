// Drives the pages for families and helpers in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node family.mjs '{"chromium":"/usr/bin/chromium","sites":{"ada":"http://…","joy":…,"dee":…,"rita":…,"tina":…}}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, who, path) => page.goto(asked.sites[who] + path, { waitUntil: "load" });
const button = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
const link = (page, name) => page.getByRole("link", { name, exact: true }).first().click();
const title = (page) => page.locator("h1").innerText();
const shows = async (page, text) => must(await page.getByText(text).first().isVisible(), `it does not say ${text}`);
const plain = { javaScriptEnabled: false };

// trusted has Ada let Joy see her record: from the question to the code that Joy enters.
async function trusted(page) {
  await look(page, "ada", "/my/trusted/new");
  await page.getByLabel("Who do you trust?").fill("My daughter Joy");
  await button(page, "Continue");
  await page.getByLabel("See my health record").check();
  await page.getByLabel("Ask for prescriptions and fill in forms for me").check();
  await button(page, "Continue");
  await page.getByLabel("1 year").check();
  await button(page, "Continue");
  await button(page, "Make a code for them");
  const code = await page.locator(".kith-code").innerText();
  await look(page, "joy", "/my/trusted/accept");
  await page.getByLabel("What is the code?").fill(code);
  await button(page, "Continue");
  await page.getByLabel("Day").fill("1");
  await page.getByLabel("Month").fill("3");
  await page.getByLabel("Year").fill("1950");
  await button(page, "Continue");
  await shows(page, "Done. You can act for them from now on.");
}

await attempt("somebody is trusted, and no longer: their next click is refused; without JavaScript", plain, async (page, context) => {
  await look(page, "joy", "/for/ada/visits");
  must((await title(page)) === "Not found", `before it says ${await title(page)}`);
  await trusted(page);
  await look(page, "joy", "/for/ada/visits");
  await shows(page, "Nobody came");
  const other = await context.newPage();
  await look(other, "ada", "/my/trusted");
  await other.getByRole("button", { name: /^Stop this/ }).click();
  await shows(other, "They can no longer see anything or act for you.");
  const began = Date.now();
  await link(page, "Look again");
  must((await title(page)) === "Not found", `after it says ${await title(page)}`);
  return `refused ${Date.now() - began} ms after it was stopped`;
});

await attempt("the window on home care, and the office that answers; without JavaScript, on a small telephone", { ...plain, viewport: { width: 320, height: 640 } }, async (page) => {
  await look(page, "ada", "/my/visits");
  for (const text of ["As of", "Missed", "Planned", "Nobody came to the visit", "was not given. It is a medicine that cannot wait.", "Telephone 01632 960000"]) await shows(page, text);
  await look(page, "tina", "/visits");
  await page.getByRole("button", { name: /^Take/ }).click();
  await page.locator("textarea").fill("Anca came and all is well");
  await page.getByRole("button", { name: /^Done/ }).click();
  await shows(page, "They and their family can read what you wrote.");
});

await attempt("a carer's list: added, taken, ticked off, taken back; registered as a carer; without JavaScript", plain, async (page) => {
  await trusted(page);
  await look(page, "joy", "/for/ada/tasks");
  await link(page, "Add something to do");
  await page.getByLabel("Give a medicine").check();
  await page.getByLabel("What is to be done?").fill("Eye drops");
  await page.getByLabel("I will do this myself").check();
  await button(page, "Add it");
  await shows(page, "You do this");
  await page.getByRole("button", { name: /^Done ?: Eye drops/ }).click();
  await shows(page, "Done by Joy Okafor");
  await page.getByRole("button", { name: /^Not done after all ?: Eye drops/ }).click();
  await shows(page, "It is on the list again.");
  await link(page, "Help for carers");
  await button(page, "Register as a carer");
  await shows(page, "You are registered as a carer.");
  return await page.locator(".kith-footer").innerText().then((t) => (t.includes("01632 960000") ? "the help number is there" : "no help number"));
});

await attempt("on behalf, and the sheet to take home, in large print on A4; without JavaScript", { ...plain, viewport: { width: 794, height: 1123 } }, async (page) => {
  await look(page, "rita", "/person/ada/tasks/new");
  await page.getByLabel("Something else").check();
  await page.getByLabel("What is to be done?").fill("Bring her glasses");
  await button(page, "Add it");
  await look(page, "rita", "/person/ada/front/print");
  must((await title(page)) === "What we did today", `it says ${await title(page)}`);
  await shows(page, "Bring her glasses");
  await shows(page, "With Rita");
  must((await page.locator("html").getAttribute("class")) === "kith-large", "it is not in the large print that she needs");
  await page.emulateMedia({ media: "print" });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth).catch(() => 0);
  must(wide <= 794, `on paper it is ${wide} px wide`);
  must(!(await page.locator(".nhsuk-back-link").isVisible()), "the link back is printed");
});

await attempt("a young person sees who sees what and asks a person; without JavaScript", plain, async (page) => {
  await look(page, "dee", "/my/growing");
  await shows(page, "My father Max");
  const row = page.getByRole("row", { name: /Talked with the nurse alone/ });
  must((await row.innerText()).includes("Nobody but staff"), await row.innerText());
  must((await page.getByRole("row", { name: /Asthma/ }).innerText()).includes("My father Max"), "it is not said that her father sees the asthma");
  await page.locator("textarea").fill("Please not my letters");
  await button(page, "Ask a person");
  await shows(page, "A nurse at your practice will talk with you.");
  await shows(page, "You asked on");
});

await attempt("every page and error looked at by axe, on a small telephone", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  await trusted(page);
  for (const [who, path] of [["ada", "/my/visits"], ["ada", "/my/tasks"], ["ada", "/my/tasks/new"], ["ada", "/my/carer"], ["joy", "/for/ada/visits"], ["joy", "/for/ada/tasks"], ["joy", "/for/ada/carer"], ["joy", "/for/dee/visits"], ["joy", "/my/visits"], ["dee", "/my/growing"], ["ada", "/my/growing"],
    ["rita", "/person/ada/front/print"], ["rita", "/person/ada/tasks"], ["rita", "/person/ada/visits"], ["tina", "/person/ada/visits"], ["tina", "/visits"]]) {
    await look(page, who, path);
    await each();
  }
  await look(page, "joy", "/for/ada/tasks/new");
  await button(page, "Add it"); // nothing written
  await each();
  for (const choice of ["words=cy", "words=en", "set=large", "set=easy"]) {
    for (const [who, path] of [["ada", "/my/visits"], ["ada", "/my/tasks"], ["ada", "/my/tasks/new"], ["ada", "/my/carer"], ["dee", "/my/growing"]]) {
      await look(page, who, path + "?" + choice);
      await each();
    }
  }
});

await attempt("large print on paper looked at by axe, A4", { bypassCSP: true, viewport: { width: 794, height: 1123 } }, async (page) => {
  for (const [who, path] of [["ada", "/my/visits"], ["ada", "/my/tasks"], ["dee", "/my/growing"], ["rita", "/person/ada/front/print"]]) {
    await look(page, who, path + "?set=large");
    await page.emulateMedia({ media: "print" });
    await noBarriers(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    must(wide <= 794, `${path} on paper is ${wide} px wide`);
    await page.emulateMedia({ media: "screen" });
  }
});

await attempt("a carer's list with the keyboard alone", {}, async (page) => {
  await look(page, "ada", "/my/tasks");
  await tabTo(page, "a.nhsuk-button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await tabTo(page, "input[name=kind]");
  await page.keyboard.press("Space");
  await tabTo(page, "input[name=text]");
  await page.keyboard.type("Weigh me");
  await tabTo(page, "form button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await shows(page, "It is on the list.");
});

await browser.close();
