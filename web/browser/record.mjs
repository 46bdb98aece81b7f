// Drives one's own record in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node record.mjs '{"chromium":"/usr/bin/chromium","site":"http://…"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });

await attempt("a result with its meaning is two activations from the hub, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my");
  await page.getByRole("link", { name: "Test results" }).click();
  await page.getByRole("link", { name: "Average blood sugar (HbA1c)" }).click();
  must(await page.getByText("This is above the usual range, which is 20 to 41.").isVisible(), "the range is not said in words");
  must(await page.getByText("Your blood sugar over the last 2 to 3 months.").isVisible(), "its meaning is not open");
  must(await page.locator("svg.kith-chart").isVisible(), "there is no chart");
});

await attempt("the timeline is narrowed, and says from whom each entry is, with the keyboard alone", {}, async (page) => {
  await look(page, "/my/record");
  await tabTo(page, '.kith-filters a[href*="show=letters"]');
  await page.keyboard.press("Enter");
  await page.waitForURL(/show=letters/);
  must((await page.locator("li.kith-entry").count()) === 1, "there is not one letter");
  await tabTo(page, '.kith-entry__ways a[href*="/letters/"]');
  await page.keyboard.press("Enter");
  await page.waitForURL(/letters\/out/);
  must(await page.getByText("Her eyes are well").isVisible(), "the letter is not read");
});

await attempt("an entry is said to be wrong, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/record/problems");
  await page.getByRole("link", { name: /^This is wrong ?: Type 2 diabetes/ }).click();
  await page.getByRole("button", { name: "Send" }).click();
  must(await page.getByRole("alert").isVisible(), "nothing says what is missing");
  await page.getByLabel("What is wrong?").fill("I never had this.");
  await page.getByRole("button", { name: "Send" }).click();
  must(await page.getByText("Somebody will look at it by").isVisible(), "it is not told");
});

await attempt("a link is made, opened by somebody else, seen to be opened, and ended, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/record/summary");
  await page.getByRole("link", { name: "Make a link that ends by itself" }).click();
  await page.getByLabel("What is it for?").fill("Holiday");
  await page.getByLabel("Passcode, if you want one").fill("482913");
  await page.getByRole("button", { name: "Make the link" }).click();
  const address = await page.locator(".kith-address a").first().getAttribute("href");
  must(await page.locator("svg.kith-qr").isVisible(), "there is no code");
  const other = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await other.goto(address);
  await other.getByLabel("Passcode").fill("000000");
  await other.getByRole("button", { name: "Open" }).click();
  must(await other.getByText("You can try 4 more times.").first().isVisible(), "a wrong passcode is not told");
  await other.getByLabel("Passcode").fill("482913");
  await other.getByRole("button", { name: "Open" }).click();
  must(await other.getByText("Metformin 500mg tablets").isVisible(), "it does not open");
  await look(page, "/my/record/links");
  must(await page.getByText("Opened 1 time.").isVisible(), "nobody sees that it was opened");
  await page.getByRole("button", { name: /^End this link/ }).click();
  must(await page.getByText("Nobody can open it any more").isVisible(), "it is not ended");
  await other.goto(address);
  must(await other.getByText("This link does not open").isVisible(), "ended, it opens");
});

await attempt("the summary is a file in two activations, and the certificate is checked", {}, async (page) => {
  await look(page, "/my/record");
  await page.getByRole("link", { name: "Take it with you" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /International Patient Summary/ }).click()]);
  must(download.suggestedFilename() === "patient-summary.json", download.suggestedFilename());
  await look(page, "/my/record/certificate");
  const file = await (await page.context().request.get(asked.site + "/my/record/certificate/file")).text();
  await look(page, "/verify");
  await page.getByLabel("What the code says").fill(file);
  await page.getByRole("button", { name: "Check" }).click();
  must(await page.getByText("This certificate is valid.").isVisible(), "it is not valid");
});

await attempt("every page looked at by axe, on a small telephone and on paper", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  for (const path of ["", "?show=results&page=1", "/problems", "/medicines", "/allergies", "/results", "/results/test?of=Average%20blood%20sugar%20(HbA1c)%7Cmmol%2Fmol", "/letters", "/letters/out", "/vaccinations", "/plans", "/social-care", "/summary", "/links", "/certificate", "/wrong?about=Condition/diabetes", "/wrong?about=Condition/none"]) {
    await look(page, "/my/record" + path);
    await each();
    const details = page.locator("details:not([open]) summary");
    if (await details.count()) {
      await details.first().click();
      await each();
    }
  }
  await look(page, "/my/record/wrong?about=Condition/diabetes");
  await page.getByRole("button", { name: "Send" }).click();
  await each();
  await look(page, "/my/record/links");
  await page.getByLabel("Passcode, if you want one").fill("1");
  await page.getByRole("button", { name: "Make the link" }).click();
  await each();
  await page.getByRole("button", { name: "Make the link" }).click();
  await each();
  const address = await page.locator(".kith-address a").first().getAttribute("href");
  await page.goto(address);
  await each();
  await page.getByRole("button", { name: "Open" }).click();
  await each();
  await look(page, "/shared/nothing");
  await each();
  await look(page, "/verify");
  await page.getByRole("button", { name: "Check" }).click();
  await each();
  await page.emulateMedia({ media: "print" });
  for (const path of ["/record/summary", "/record/certificate", "/record/results", "/record/medicines"]) {
    await look(page, "/my" + path);
    await noBarriers(page);
  }
});

await attempt("staff see it as the patient does, and show a result", { bypassCSP: true }, async (page) => {
  await look(page, "/person/ada/as-patient");
  await noBarriers(page);
  await page.getByRole("button", { name: /show it ?: Prostate/ }).click();
  must(await page.getByText("The patient sees it now.").isVisible(), "it is not shown");
  await look(page, "/my/record/results");
  must(await page.getByText("Prostate test (PSA)").first().isVisible(), "the patient does not see it");
});

await browser.close();
