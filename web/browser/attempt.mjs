// What every drive of pages needs: a browser, journeys that say how they went as one JSON line each, and what axe knows of barriers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function must(truth, otherwise) {
  if (!truth) throw new Error(otherwise);
}

export function say(name, fault = "", note = "") {
  console.log(JSON.stringify({ name, fault: String(fault), note: String(note) }));
}

// open starts a browser. attempt runs one journey on a page of its own; errors of its scripts are faults, unless quiet expects them.
export async function open(path) {
  const browser = await chromium.launch({
    executablePath: path,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  async function attempt(name, options, journey) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(60000);
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (e) => errors.push(e.message));
    page.on("console", (m) => m.type() === "error" && !/status of 4\d\d|status of 5\d\d/.test(m.text()) && errors.push(m.text()));
    try {
      const note = await journey(page, context);
      say(name, errors.join("; "), note ?? "");
    } catch (e) {
      say(name, `${e.message.split("\n").slice(0, 3).join(" ")} at ${page.url()}${errors.length ? `; ${errors.join("; ")}` : ""}`);
    } finally {
      await context.close();
    }
  }
  return { browser, attempt };
}

// barriers asks axe what keeps people out.
export async function barriers(page) {
  await page.evaluate((source) => { (0, eval)(source); }, axe);
  return page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
}

// noBarriers says that there are none, with every details opened.
export async function noBarriers(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  const found = await barriers(page);
  must(found.violations.length === 0, found.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join("; "));
  return `0 violations, ${found.passes.length} rules passed`;
}

// fits says that nothing of a page is wider than a small telephone, and nothing to press is too small.
export async function fits(page) {
  const faults = await page.evaluate(() => {
    const out = [];
    if (document.documentElement.scrollWidth > 320) out.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), textarea, summary")) {
      const r = e.getBoundingClientRect();
      if (r.width === 0 || e.classList.contains("nhsuk-skip-link")) continue;
      const inSentence = getComputedStyle(e).display === "inline" && e.parentElement.tagName === "P" && e.parentElement.textContent.trim() !== e.textContent.trim();
      if (!inSentence && r.height < 24) out.push(`${e.textContent.trim().slice(0, 30)} is ${Math.round(r.height)} px high`);
    }
    return out.slice(0, 5);
  });
  must(faults.length === 0, faults.join("; "));
}

// tabTo presses Tab until an element has focus, as somebody without a mouse does.
export async function tabTo(page, selector) {
  for (let n = 0; !(await page.evaluate((s) => document.activeElement.matches(s), selector)); n++) {
    must(n < 80, `${selector} is not reached by Tab`);
    await page.keyboard.press("Tab");
  }
  const ring = await page.evaluate(() => {
    const e = document.activeElement, of = (x) => x && getComputedStyle(x), s = of(e), l = of(e.labels?.[0]);
    const b = e.labels?.[0] && getComputedStyle(e.labels[0], "::before");
    return [s, l, b].some((x) => x && (x.outlineStyle !== "none" || x.boxShadow !== "none"));
  });
  must(ring, `${selector} does not show that it has focus`);
}
