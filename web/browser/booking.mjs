// Drives booking, changing, cancelling and undoing in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node booking.mjs '{"chromium":"/usr/bin/chromium","site":"http://…"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });
const button = (page, name) => page.getByRole("button", { name, exact: true }).click();
const link = (page, name) => page.getByRole("link", { name, exact: true }).click();
const title = (page) => page.locator("h1").innerText();

// book goes from the list to the end and counts pages and what is pressed.
async function book(page, each = async () => {}, what = "See a GP") {
  let pages = 1, pressed = 0;
  const press = async (f) => { pressed++; await f(); };
  const went = async () => { pages++; await each(page); };
  await look(page, "/my/appointments");
  await each(page);
  await press(() => page.getByRole("button", { name: "Book an appointment" }).click());
  await went();
  await press(() => page.getByLabel(what).check());
  await press(() => button(page, "Continue"));
  await went();
  await press(() => page.locator("button.kith-time").first().click());
  await went();
  await press(() => button(page, "Book this appointment"));
  await went();
  must((await title(page)) === "Booked", `it says ${await title(page)}`);
  return { pages, pressed };
}

await attempt("book in 5 pages and 6 activations, without JavaScript, within 60 seconds", { javaScriptEnabled: false }, async (page) => {
  const began = Date.now();
  const { pages, pressed } = await book(page);
  const took = (Date.now() - began) / 1000;
  must(pages <= 5 && pressed <= 6, `${pages} pages, ${pressed} activations`);
  must(took < 60, `it took ${took} s`);
  await button(page, "Undo");
  return `${pages} pages, ${pressed} activations, ${took.toFixed(1)} s by a machine`;
});

await attempt("change, and undo; cancel with its effect first, and undo; without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await book(page);
  const when = await page.locator(".nhsuk-panel__body").innerText();
  await link(page, "Change it");
  must(await page.getByText("You keep your old time until you have booked the new one.").isVisible(), "the effect of changing is not said");
  await page.locator("button.kith-time").nth(2).click();
  await button(page, "Move the appointment");
  must((await title(page)) === "Your appointment has moved", `it says ${await title(page)}`);
  must((await page.locator(".nhsuk-panel__body").innerText()) !== when, "it is where it was");
  await button(page, "Undo");
  must((await page.locator(".nhsuk-panel__body").innerText()) === when, "it is not where it was");
  await link(page, "Cancel it");
  must(await page.getByText("Your appointment is cancelled at once.").isVisible(), "the effect of cancelling is not said");
  await button(page, "Cancel this appointment");
  must((await title(page)) === "Cancelled", `it says ${await title(page)}`);
  await button(page, "Undo");
  must((await title(page)) === "Undone", `it says ${await title(page)}`);
  await link(page, "Cancel it");
  await button(page, "Cancel this appointment");
});

await attempt("the hospital's own appointment: its effect, the wish, taken back", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/appointments/hospital/cancel");
  must(await page.getByText(/You stay on the waiting list/).isVisible(), "it is not said that one stays on the list");
  await button(page, "Ask to cancel it");
  must(await page.getByText("You have asked to cancel this").isVisible(), "it is not said that it was asked");
  await button(page, "Undo");
  must((await title(page)) === "Undone", `it says ${await title(page)}`);
});

await attempt("every page and error looked at by axe, on a small telephone", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  await book(page, each, "Blood test");
  const at = page.url().split("?")[0].replace(asked.site, "");
  for (const path of [at, at + "/cancel", at + "/print", "/my/appointments/times?need=gp&part=evening", "/my/appointments/times", "/my/appointments/hospital/change", "/my/waiting", "/my/waiting/hip", "/my/waiting/hip/letter", "/my/appointments/nothing"]) {
    await look(page, path);
    await each();
  }
  await look(page, at + "/change");
  await each();
  await page.locator("button.kith-time").first().click();
  await each();
  await look(page, "/my/waiting/hip");
  await button(page, "Send"); // nothing chosen
  await each();
  await page.getByLabel("No, I do not need it any more").check();
  await button(page, "Send");
  await each();
  must(await page.getByText("You are still on the list.").first().isVisible(), "it is not said that one stays on the list");
  await look(page, "/my/appointments/hospital/change");
  await button(page, "Ask for another time"); // nothing written
  await each();
});

await attempt("booking with the keyboard alone", {}, async (page) => {
  await look(page, "/my/appointments");
  await tabTo(page, "a.nhsuk-button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await tabTo(page, "input[name=need]");
  await page.keyboard.press("Space");
  await tabTo(page, "form button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await tabTo(page, "button.kith-time");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await tabTo(page, "button.nhsuk-button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  must((await title(page)) === "Booked", `it says ${await title(page)}`);
  await tabTo(page, "form button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  must((await title(page)) === "Undone", `it says ${await title(page)}`);
});

await browser.close();
