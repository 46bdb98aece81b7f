// measure-pages: what the pages of the front door weigh and how long the server takes, against what is aimed at (docs/frontdoor.md): a first view, a view with the
// stylesheet kept, requests, script, requests to others, the server's time at the 95th percentile; what axe knows of barriers; whether a page fits 320 pixels.
// The site is that of kith demo --auth on. usage: node scripts/measure-pages.mjs CHROMIUM http://localhost:8080 NAME-OF-A-PATIENT [PATH …]
// With staff:ROLE in place of a name it is staff who look; ID in a path stands for somebody whom they care for.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(new URL("../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [executablePath, site, name, ...asked] = process.argv.slice(2);
const staff = name?.startsWith("staff:") ? name.slice(6) : "";
const desk = ["", "/ask", "/requests", "/near", "/appointments", "/waiting", "/messages", "/record", "/prescriptions", "/readings", "/plan", "/tasks", "/profile", "/needs"].map((p) => `/person/ID${p}`);
const paths = asked.length ? asked : staff ? ["/", "/prescriptions", "/coaching", "/messages", "/social", "/person/ID/front", "/person/ID/front/print", ...desk] : ["/my", "/my/ask", "/my/readings", "/my/appointments", "/my/waiting", "/my/messages", "/my/record", "/my/record/results", "/my/record/vaccinations", "/my/prescriptions", "/my/plan", "/my/visits", "/my/near", "/my/near/az", "/my/profile", "/my/needs", "/my/trusted", "/my/seen", "/account"];
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function signedIn() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site}/signin`);
  await page.getByRole("link", { name: staff ? /Sign in with .*staff/i : /Sign in with (?!.*staff)/i }).first().click();
  await page.getByLabel(staff ? new RegExp(staff) : name).first().check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL((u) => ["/", "/signin/role"].includes(u.pathname) || u.pathname.startsWith("/my") || u.pathname.startsWith("/account"));
  if (new URL(page.url()).pathname === "/signin/role") {
    await page.getByLabel(new RegExp(staff, "i")).first().check();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL((u) => u.pathname !== "/signin/role");
  }
  return { context, page };
}

// caredFor is somebody whom the staff who signed in care for: not everybody they find is.
async function caredFor(page) {
  await page.goto(`${site}/`);
  for (const to of await page.locator('a[href^="/person/"]').evaluateAll((all) => all.map((a) => a.getAttribute("href")))) {
    if ((await page.request.get(`${site}${to}/requests`)).status() === 200) return to.split("/")[2];
  }
  throw new Error("nobody is cared for by this member of staff");
}

const { context, page } = await signedIn();
const id = staff ? await caredFor(page) : "";
const cookies = await context.cookies();
const rows = [];
for (const template of paths) {
  const path = template.replace("ID", id);
  // A fresh browser with the session and nothing kept is a first view; the same again is a repeat view.
  const fresh = await browser.newContext();
  await fresh.addCookies(cookies);
  const tab = await fresh.newPage();
  const cdp = await fresh.newCDPSession(tab);
  await cdp.send("Network.enable");
  let bytes = 0, requests = 0, script = 0, others = 0;
  const types = new Map();
  cdp.on("Network.responseReceived", (e) => types.set(e.requestId, e.response.mimeType));
  cdp.on("Network.requestWillBeSent", (e) => { if (!e.request.url.startsWith("data:")) { requests++; if (!e.request.url.startsWith(site)) others++; } });
  cdp.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; if (/javascript/.test(types.get(e.requestId) ?? "")) script += e.encodedDataLength; });
  const answer = await tab.goto(site + path, { waitUntil: "networkidle" });
  const first = { bytes, requests, script, others };
  bytes = requests = 0;
  await tab.goto(site + path, { waitUntil: "networkidle" });
  const again = bytes;
  await tab.evaluate(axe);
  const faults = await tab.evaluate(async () => (await axe.run(document)).violations.map((v) => v.id));
  await tab.emulateMedia({ media: "print" });
  faults.push(...(await tab.evaluate(async () => (await axe.run(document)).violations.map((v) => `print: ${v.id}`))));
  await tab.emulateMedia({ media: "screen" });
  await tab.setViewportSize({ width: 320, height: 800 });
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth > 320);
  const times = [];
  for (let n = 0; n < 40; n++) {
    const start = performance.now();
    await (await context.request.get(site + path)).body();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  rows.push({ path: template, status: answer.status(), title: await tab.title(), first: first.bytes, again, requests: first.requests, script: first.script, others: first.others, p95: times[37], faults, wide });
  await fresh.close();
}
await browser.close();
console.log("| page | first view, KB | repeat, KB | requests | script, KB | to others | p95, ms | axe | 320 px |\n|---|---|---|---|---|---|---|---|---|");
let bad = 0;
for (const r of rows) {
  const kb = (n) => (n / 1000).toFixed(1);
  const over = r.status !== 200 || r.first > 45000 || r.again > 12000 || r.script > 10000 || r.others || r.p95 > 50 || r.faults.length || r.wide;
  if (over) bad++;
  console.log(`| ${over ? "**" : ""}${r.path}${over ? "**" : ""}${r.status !== 200 ? ` (${r.status})` : ""} | ${kb(r.first)} | ${kb(r.again)} | ${r.requests} | ${kb(r.script)} | ${r.others} | ${r.p95.toFixed(0)} | ${r.faults.length ? r.faults.join(", ") : 0} | ${r.wide ? "wide" : "fits"} |`);
}
process.exit(bad ? 1 : 0);
