// Drives the care plan, goals and repeat prescriptions in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node plan.mjs '{"chromium":"/usr/bin/chromium","site":"http://…"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });
const button = (page, name) => page.getByRole("button", { name, exact: true }).click();
const title = (page) => page.locator("h1").innerText();

await attempt("order a repeat in 3 pages, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  let pages = 1, pressed = 0;
  await look(page, "/my/prescriptions");
  await page.getByLabel("Ramipril 5mg capsules").check(); pressed++;
  await button(page, "Continue"); pressed++; pages++;
  must((await title(page)) === "Check your order", `it says ${await title(page)}`);
  await button(page, "Order"); pressed++; pages++;
  must((await title(page)) === "Ordered", `it says ${await title(page)}`);
  must(await page.getByText("✓ Asked for").isVisible(), "it is not said where it is");
  must(pages <= 3, `${pages} pages`);
  await look(page, "/my/prescriptions");
  must((await page.getByLabel("Ramipril 5mg capsules").count()) === 0, "it can be ordered again at once");
  return `${pages} pages, ${pressed} activations`;
});

await attempt("write what matters, and read it with what was changed; without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/plan");
  await page.getByRole("link", { name: /^Write.*What matters to me/ }).click();
  await page.getByLabel("What matters to me").fill("My cat Tom, and being at home");
  await button(page, "Save");
  must(await page.getByText("My cat Tom, and being at home").isVisible(), "what was written is not there");
  await page.getByRole("link", { name: "What was changed, when and by whom" }).click();
  must(await page.getByText("My cat Tom, and being at home").isVisible(), "the change is not told");
});

await attempt("two windows: what the second typed is kept, and what the first wrote is shown", { javaScriptEnabled: false }, async (page, context) => {
  const other = await context.newPage();
  await look(page, "/my/plan/change/want");
  await look(other, "/my/plan/change/want");
  await page.getByLabel("What I want").fill("To see the sea");
  await button(page, "Save");
  await other.getByLabel("What I want").fill("To see the hills");
  await button(other, "Save");
  must((await other.getByRole("textbox").inputValue()) === "To see the hills", "what was typed is lost");
  must(await other.getByText("To see the sea").isVisible(), "what stands there now is not shown");
  await button(other, "Save");
  must(await other.getByText("To see the hills").isVisible(), "it cannot be saved after that");
});

await attempt("set a goal and check in with the keyboard alone", {}, async (page) => {
  const enter = () => Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await look(page, "/my/plan/goal/new");
  await tabTo(page, "textarea");
  await page.keyboard.type("Walk to the shop");
  await tabTo(page, "form button");
  await enter();
  await tabTo(page, "textarea");
  await page.keyboard.type("To the gate every morning");
  await tabTo(page, "form button");
  await enter();
  await tabTo(page, "input[type=radio]");
  await page.keyboard.press("Space");
  for (let n = 0; n < 6; n++) await page.keyboard.press("ArrowDown");
  await tabTo(page, "form button");
  await enter();
  must((await title(page)) === "Walk to the shop", `it says ${await title(page)}`);
  await tabTo(page, "main a.nhsuk-button");
  await enter();
  await tabTo(page, "input[type=radio]");
  await page.keyboard.press("Space");
  await tabTo(page, "form button");
  await enter();
  await tabTo(page, "input[type=radio]");
  await page.keyboard.press("Space");
  for (let n = 0; n < 5; n++) await page.keyboard.press("ArrowDown");
  await tabTo(page, "form button");
  await enter();
  must(await page.getByText("Thank you for checking in").isVisible(), "it is not said that it came");
  must(await page.getByText("How sure: 5 of 10").isVisible(), "what was answered is not shown");
  must(await page.getByText(/A smaller step may help/).isVisible(), "no smaller step is offered");
});

await attempt("every page and error looked at by axe, on a small telephone", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  const looked = async (...paths) => { for (const path of paths) { await look(page, path); await each(); } };
  await looked("/my/plan", "/my/plan/history", "/my/plan/change/agreed", "/my/plan/programmes", "/my/plan/programmes/walking", "/my/plan/programmes/sleep", "/my/plan/goal/new?programme=walking", "/my/plan/goal/nothing", "/my/prescriptions", "/my/prescriptions/check", "/my/prescriptions/check?item=atorva&item=tramadol");
  await page.getByLabel("Another pharmacy", { exact: true }).check();
  await button(page, "Order"); // without saying why, or where to
  await each();
  await page.getByLabel("Why do you need it sooner?").fill("I am away");
  await page.getByLabel("If it is another pharmacy").fill("Hill Pharmacy");
  await button(page, "Order");
  await each();
  await look(page, "/my/plan/goal/new?programme=walking");
  await button(page, "Continue"); // nothing written
  await each();
  await page.getByLabel("What do you want to be able to do?").fill("Walk with the dog");
  await button(page, "Continue");
  await each();
  await button(page, "Begin"); // nothing chosen
  await each();
  await page.getByLabel("I do not know").check();
  await button(page, "Begin");
  await each();
  await page.getByRole("button", { name: "Check in" }).click();
  await each();
  await button(page, "Continue"); // nothing chosen
  await each();
  await page.getByLabel("I did some of it").check();
  await button(page, "Continue");
  await each();
  await page.getByLabel("Too hard").check();
  await button(page, "Continue");
  await each();
  await page.getByLabel("7", { exact: true }).check();
  await button(page, "Send");
  await each();
  await look(page, "/my/plan?words=cy");
  await each();
  await look(page, "/my/prescriptions?words=cy");
  await each();
});

await attempt("staff answer with the keyboard; the list of those who have gone quiet", { bypassCSP: true }, async (page) => {
  await page.goto(asked.desk + "/prescriptions", { waitUntil: "load" });
  await noBarriers(page);
  await page.reload();
  await tabTo(page, "details summary");
  await page.keyboard.press("Enter");
  for (const item of await page.locator("details[open] input[value=approve]").all()) {
    await tabTo(page, `#${await item.getAttribute("id")}`);
    await page.keyboard.press("Space");
  }
  await tabTo(page, "details[open] button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  must(await page.getByText(/Answered\./).isVisible(), "it is not said that it was answered");
  await page.goto(asked.desk + "/coaching", { waitUntil: "load" });
  await noBarriers(page);
});

await browser.close();
