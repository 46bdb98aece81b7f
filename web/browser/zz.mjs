import { open, noBarriers, fits, must } from "./attempt.mjs";
const { browser, attempt } = await open("/usr/bin/chromium");
const site = "http://localhost:8090";
async function signin(page, who) {
  await page.goto(site + "/signin");
  await page.getByRole("button", { name: /Kith try-out$/ }).or(page.getByRole("link", { name: /Kith try-out$/ })).first().click();
  await page.getByLabel(who).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForLoadState();
}
const shot = (page, n) => page.screenshot({ path: `/work/shots/${n}.png`, fullPage: true });
await attempt("patient asks", {javaScriptEnabled:true}, async (page) => {
  await signin(page, /Betty Hathersage/);
  console.log(page.url());
  await page.goto(site + "/account"); await shot(page, "p1");
  await page.goto(site + "/my/ask"); await shot(page, "p2"); console.log(await noBarriers(page));
  await page.getByRole("button", { name: "Continue" }).click(); await shot(page, "p2e"); console.log(await noBarriers(page));
  await page.getByLabel("What do you need help with?").fill("ive had a banging headache for 2 days and light hurts my eyes, no rash");
  await page.getByRole("button", { name: "Continue" }).click();
  console.log(page.url()); await shot(page, "p3"); console.log(await noBarriers(page));
  await page.getByRole("button", { name: "Continue" }).click(); console.log(await noBarriers(page));
  await page.getByLabel(/Headache/).check();
  await page.getByRole("button", { name: "Continue" }).click();
  for (let i = 0; i < 14; i++) {
    if (!(await page.getByRole("button", { name: "Continue" }).count())) break;
    await shot(page, "q" + i); console.log(await page.innerText("h1"), await noBarriers(page));
    const none = page.getByLabel("None of these"), no = page.getByLabel("No", { exact: true });
    if (await none.count()) await none.check(); else if (await no.count()) await no.check(); else await page.locator("input[name=answer]").first().check();
    await page.getByRole("button", { name: "Continue" }).click();
  }
  await shot(page, "p9"); console.log(page.url(), await noBarriers(page));
  await page.goto(site + "/my/readings"); await shot(page, "r1"); console.log(await noBarriers(page));
  await page.getByLabel(/upper number/).fill("182"); await page.getByRole("button", { name: "Send" }).click(); await shot(page, "r2"); console.log(await noBarriers(page));
  await page.getByLabel(/lower number/).fill("104"); await page.getByLabel("Pulse").fill("76");
  await page.getByRole("button", { name: "Send" }).click(); await shot(page, "r3"); console.log(page.url(), await noBarriers(page));
});
await browser.close();
