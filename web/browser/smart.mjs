// Drives the SMART flows and their pages in a real Chromium and prints one JSON line for each thing that was tried.
// Usage: node smart.mjs '{"chromium":…,"site":…,"app":…,"client":…,"waiting":…,"pages":{name:"who address"},"ask":…,"pictures":"folder or empty"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);

const signIn = (context, as) => context.addCookies([{ name: "session", value: as, url: asked.site, httpOnly: true, sameSite: "Lax" }]);
const said = async (page) => JSON.parse(await page.locator("#out.done").innerText());
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

await attempt("an app begins by itself: sign in, say for whom, allow, read", {}, async (page) => {
  await page.goto(asked.app + "/standalone");
  await page.waitForURL(/signin/);
  await press(page, "Ada");
  await page.getByLabel("You", { exact: true }).check();
  await press(page, "Continue");
  const text = await page.locator("main").innerText();
  for (const words of ["Let Growth Chart use your record?", "Acme Health Ltd", "Olga Wynn", "See your test results and measurements", "Only laboratory results", "Book and change appointments for you", "90 days"]) {
    must(text.includes(words), `the screen does not say “${words}”: ${text}`);
  }
  await page.getByLabel("Book and change appointments for you").uncheck();
  await press(page, "Allow");
  const got = await said(page);
  must(got.patient === "ada" && got.observations === 2 && got.user === "Patient/ada" && got.refresh, JSON.stringify(got));
  must(!got.scope.includes("Appointment") && got.scope.includes("patient/Observation.rs?category=laboratory"), got.scope);
  return JSON.stringify(got);
});

await attempt("an app refreshes, is disconnected, and is refused at once", {}, async (page, context) => {
  await signIn(context, "ada");
  await page.goto(asked.app + "/standalone");
  await page.getByLabel("You", { exact: true }).check();
  await press(page, "Continue");
  await press(page, "Allow");
  await said(page);
  const refreshed = await page.evaluate(async () => {
    const before = client.state.tokenResponse.access_token;
    await client.refresh();
    return before !== client.state.tokenResponse.access_token && (await client.patient.read()).id;
  });
  must(refreshed === "ada", `after a refresh: ${refreshed}`);
  const other = await context.newPage();
  await other.goto(asked.site + "/apps");
  must((await other.locator("main").innerText()).includes("See your test results and measurements"), await other.locator("main").innerText());
  await other.getByRole("button", { name: "Disconnect Growth Chart" }).click();
  must(await other.getByText("Growth Chart is disconnected").isVisible(), "nothing says that it was done");
  must((await other.locator("main").innerText()).includes("You have not connected any apps"), "it is still listed");
  const status = await page.evaluate(async () => {
    const res = await fetch(client.state.serverUrl + "/Patient/ada", { headers: { Authorization: "Bearer " + client.state.tokenResponse.access_token } });
    return res.status + " " + res.headers.get("WWW-Authenticate");
  });
  must(status.startsWith("401") && status.includes("invalid_token"), status);
});

await attempt("an app begins for somebody who trusts the reader", {}, async (page, context) => {
  await signIn(context, "ada");
  await page.goto(asked.app + "/standalone");
  await page.getByLabel("Una Okafor").check();
  await press(page, "Continue");
  must((await page.locator("h1").innerText()) === "Let Growth Chart use Una Okafor’s record?", await page.locator("h1").innerText());
  await press(page, "Allow");
  const got = await said(page);
  must(got.patient === "una" && got.observations === 0 && got.user === "Patient/ada", JSON.stringify(got));
});

await attempt("a clinician opens an app for a patient from our pages", {}, async (page, context) => {
  await signIn(context, "sam");
  await page.goto(asked.site + "/apps/open/ada");
  await page.getByRole("button", { name: "Open Growth Chart" }).click();
  await page.waitForURL(/auth\/authorize/);
  const text = await page.locator("main").innerText();
  must(text.includes("OKAFOR, Ada") && text.includes("3 February 1950") && text.includes("recorded under your name"), text);
  await press(page, "Allow");
  const got = await said(page);
  must(got.patient === "ada" && got.observations === 2 && got.user === "Practitioner/sam", JSON.stringify(got));
});

await attempt("a clinician finds the patient for an app", {}, async (page, context) => {
  await signIn(context, "sam");
  await page.goto(asked.app + "/standalone");
  await page.getByLabel("NHS number").fill("999 000 0018");
  await page.getByLabel("Birth date").fill("3/2/1950");
  await press(page, "Find the patient");
  await page.getByLabel("OKAFOR, Ada").check();
  await press(page, "Continue");
  await press(page, "Allow");
  const got = await said(page);
  must(got.patient === "ada", JSON.stringify(got));
});

await attempt("what is not allowed is told to the app", {}, async (page, context) => {
  await signIn(context, "lone");
  await page.goto(asked.app + "/standalone");
  await press(page, "Do not allow");
  const got = await said(page);
  must(/did not allow|access_denied/.test(got.error), JSON.stringify(got));
});

await attempt("nothing ticked is asked again", {}, async (page, context) => {
  await signIn(context, "lone");
  await page.goto(asked.app + "/standalone");
  await page.waitForURL(/auth\/authorize/);
  for (const box of await page.getByRole("checkbox").all()) await box.uncheck();
  await press(page, "Allow");
  must((await page.title()).startsWith("Error:"), await page.title());
  must((await page.locator('.nhsuk-error-summary a[href="#scope"]').count()) === 1 && (await page.locator("#scope").count()) === 1, "the error leads nowhere");
  must((await page.getByRole("checkbox", { checked: true }).count()) === 0, "boxes are ticked again");
  await page.getByRole("checkbox").first().check();
  await press(page, "Allow");
  await said(page);
});

for (const [how, options] of [["without JavaScript", { javaScriptEnabled: false }], ["with the keyboard alone", {}]]) {
  await attempt(`consent ${how}`, options, async (page, context) => {
    await signIn(context, "ada");
    const back = page.waitForRequest(/\/app\?.*code=/);
    await page.goto(asked.site + asked.ask);
    if (options.javaScriptEnabled === false) {
      await page.getByLabel("You", { exact: true }).check();
      await press(page, "Continue");
      await page.getByRole("checkbox").first().uncheck();
      await press(page, "Allow");
    } else {
      await tabTo(page, "#for");
      await page.keyboard.press("Space");
      await page.keyboard.press("Enter");
      await page.waitForURL(/for=ada/);
      await tabTo(page, "#scope");
      await page.keyboard.press("Space");
      must(!(await page.locator("#scope").isChecked()), "Space does not take the tick away");
      await tabTo(page, "button[value=allow]");
      await page.keyboard.press("Enter");
    }
    const at = new URL((await back).url());
    must(at.origin === asked.app && at.searchParams.get("state") === "st-1" && at.searchParams.get("iss") === asked.site, at.href);
  });
}

for (const [how, options] of [["without JavaScript", { javaScriptEnabled: false }], ["with the keyboard alone", {}]]) {
  await attempt(`an app is connected and disconnected ${how}`, options, async (page, context) => {
    await signIn(context, "lone");
    await page.goto(asked.app + "/standalone");
    if (options.javaScriptEnabled === false) await page.goto(asked.site + asked.ask); // the app itself needs script
    await page.waitForURL(/auth\/authorize/);
    if (options.javaScriptEnabled === false) {
      await press(page, "Do not allow");
      await page.waitForURL(/error=access_denied/);
      await page.goto(asked.site + "/apps");
      must(await page.getByText("Growth Chart").first().isVisible(), "what was connected before is not listed");
      await press(page, "Disconnect Growth Chart");
    } else {
      await tabTo(page, "button[value=allow]");
      await page.keyboard.press("Enter");
      await said(page);
      await page.goto(asked.site + "/apps");
      await tabTo(page, "section button");
      await page.keyboard.press("Enter");
    }
    await page.waitForURL(/done=/);
    must(await page.getByText("Growth Chart is disconnected").isVisible(), "nothing says that it was done");
  });
}

await attempt("an app is reviewed, approved and revoked, with the keyboard alone", {}, async (page, context) => {
  await signIn(context, "olga");
  await page.goto(asked.site + "/clients");
  must((await page.locator("tbody tr").first().innerText()).includes("Waits for review"), "what waits does not stand first");
  await page.goto(asked.site + "/clients/" + asked.waiting);
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.title.startsWith("Error:"));
  for (const link of await page.locator(".nhsuk-error-summary a").all()) {
    must((await page.locator(await link.getAttribute("href")).count()) === 1, "an error leads nowhere");
  }
  for (const [word, reason] of [["approved", "no fault was found"], ["revoked", "the agreement ended"]]) {
    await tabTo(page, word === "approved" ? "#to" : "[name=to][value=suspended]");
    await page.keyboard.press("Space");
    if (word === "revoked") await page.keyboard.press("ArrowDown");
    must((await page.locator("[name=to]:checked").getAttribute("value")) === word, "another decision is chosen");
    await tabTo(page, "#reason");
    await page.keyboard.type(reason);
    await page.keyboard.press("Enter");
    await page.getByText(reason).waitFor();
  }
  must((await page.locator("main form").count()) === 0, "a revoked app can be decided about");
});

await attempt("an app is registered, and its secret shown once", {}, async (page, context) => {
  await signIn(context, "olga");
  await page.goto(asked.site + "/clients/new");
  await press(page, "Register");
  must((await page.title()).startsWith("Error:"), await page.title());
  await page.getByLabel("Name", { exact: true }).fill("Diary of pains");
  await page.getByLabel("Made by").fill("Acme Health Ltd");
  await page.getByLabel("What it is for").fill("Keeps a diary of your pains");
  await page.getByLabel("On a server, with a secret").check();
  await page.getByLabel("Addresses it returns to").fill("https://diary.example/cb");
  await page.getByLabel("The most it may ask for").fill("patient/Nonsense.rs");
  await press(page, "Register");
  must((await page.locator("#scopes-error").innerText()).includes("Nonsense"), "no word at the field");
  must((await page.getByLabel("Name", { exact: true }).inputValue()) === "Diary of pains", "what was typed is lost");
  await page.getByLabel("The most it may ask for").fill("launch/patient patient/Observation.rs");
  await press(page, "Register");
  const secret = await page.locator(".kith-notice .kith-once").innerText();
  must(/^[\w-]{43}$/.test(secret), secret);
  await page.goto(asked.site + "/clients");
  await page.getByRole("link", { name: "Diary of pains" }).click();
  must(!(await page.content()).includes(secret), "the secret is shown again");
});

for (const [name, page_] of Object.entries(asked.pages)) {
  const [who, path] = page_.split(" ");
  await attempt(`320 px: ${name}`, { viewport: { width: 320, height: 640 } }, async (page, context) => {
    await signIn(context, who);
    const res = await page.goto(asked.site + path);
    must(res.headers()["cache-control"] === "no-store" && !/script-src|unsafe/.test(res.headers()["content-security-policy"]), "may be kept, or runs script");
    await fits(page);
    if (asked.pictures) await page.screenshot({ path: `${asked.pictures}/${name.replaceAll(" ", "-")}-320.png`, fullPage: true });
  });
  await attempt(`axe: ${name}`, { bypassCSP: true }, async (page, context) => {
    await signIn(context, who);
    await page.goto(asked.site + path);
    if (asked.pictures) await page.screenshot({ path: `${asked.pictures}/${name.replaceAll(" ", "-")}.png`, fullPage: true });
    const links = page.locator(".nhsuk-error-summary a");
    for (const link of await links.all()) must((await page.locator(await link.getAttribute("href")).count()) === 1, "an error leads nowhere");
    return noBarriers(page);
  });
}
await browser.close();
