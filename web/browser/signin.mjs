// Drives the pages of signing in in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node signin.mjs '{"chromium":"/usr/bin/chromium","site":"http://…","codes":{name: code},"shots":"folder"}'
import { barriers, fits, must, open, say } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);

const look = (page, path) => page.goto(asked.site + path, { waitUntil: "load" });
const at = (page) => new URL(page.url()).pathname;

// authenticator gives a page a passkey device of its own.
async function authenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options } });
  return { cdp, authenticatorId };
}

// withCode signs in with a code from the desk.
async function withCode(page, code, [day, month, year]) {
  await look(page, "/signin/code");
  await page.getByLabel("What is your code?").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Day").fill(day);
  await page.getByLabel("Month").fill(month);
  await page.getByLabel("Year").fill(year);
  await page.getByRole("button", { name: "Sign in" }).click();
  must(at(page) === "/account/passkey", `after the code comes ${page.url()}`);
}

const nia = ["3", "2", "1980"];
const ada = ["14", "7", "1945"];

// vouch has the desk give out a code for Mrs Okafor.
async function vouch(page) {
  await look(page, "/desk/vouch");
  await page.getByLabel("NHS number").fill("999 000 0018");
  await page.getByLabel("Day").fill("14");
  await page.getByLabel("Month").fill("7");
  await page.getByLabel("Year").fill("1945");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByLabel("Photo ID").check();
  await page.getByLabel("At home").check();
  await page.getByRole("button", { name: "Give out a code" }).click();
  return (await page.locator(".kith-code").innerText()).trim();
}

// Who works at the desk stays signed in for the rest.
const desk = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const counter = await desk.newPage();
await withCode(counter, asked.codes.desk, nia);

await attempt("register, sign out, come back in two actions", {}, async (page) => {
  const { cdp, authenticatorId } = await authenticator(page);
  await withCode(page, asked.codes.keys, nia);
  await page.getByLabel("A name for it").fill("my laptop");
  await page.getByRole("button", { name: "Set up a passkey" }).click();
  await page.waitForURL(/did=added/);
  must(await page.getByText("my laptop").first().isVisible(), "the new passkey is not listed");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/signin\?out/);
  await look(page, "/account");
  must(at(page) === "/signin", "still signed in");
  let asks = 0;
  await cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: true });
  page.on("request", (r) => r.url().endsWith("/signin/passkey") && asks++);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click(); // one: press; two: touch, which the virtual device does
  await page.waitForURL((u) => u.pathname === "/account");
  must(asks === 1, `${asks} answers were sent`);
  must(await page.getByText("Nurse at A81001").isVisible(), "somebody else is signed in");
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  must(credentials.length === 1 && credentials[0].isResidentCredential && credentials[0].signCount >= 2, JSON.stringify(credentials.map((c) => c.signCount)));
  // The same passkey a second time is refused by the device itself, in words.
  await look(page, "/account/passkey");
  await page.getByRole("button", { name: "Set up a passkey" }).click();
  await page.getByText("already has a passkey for you").waitFor();
  // Its counter goes back, as that of a copy does: refused.
  const copy = credentials[0];
  await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: copy.credentialId });
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { credentialId: copy.credentialId, isResidentCredential: true, rpId: "localhost", privateKey: copy.privateKey, userHandle: copy.userHandle, signCount: 0 } });
  await look(page, "/signin");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("does not sign in here").waitFor();
  // It is removed, and signs in no more.
  await look(page, "/account");
  await page.getByRole("link", { name: "Remove my laptop" }).click();
  must(await page.getByText("your only way in").isVisible(), "nothing warns that it is the last");
  await page.getByRole("button", { name: "Remove the passkey" }).click();
  await page.waitForURL(/did=removed/);
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(/signin/);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("does not sign in here").waitFor();
  return "press and touch";
});

await attempt("another authenticator is refused", {}, async (page) => {
  const { cdp, authenticatorId } = await authenticator(page);
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).toString("base64");
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { credentialId: Buffer.from("somebody else's").toString("base64"), isResidentCredential: true, rpId: "localhost", privateKey: key, userHandle: Buffer.from("aaaaaaaaaaaaaaaaaaaaaaaaaa").toString("base64"), signCount: 1 } });
  await look(page, "/signin");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("does not sign in here").waitFor();
  await look(page, "/account");
  must(at(page) === "/signin", "signed in all the same");
});

await attempt("a device that does not make sure of its user is refused", {}, async (page) => {
  await authenticator(page, { hasUserVerification: true, isUserVerified: false });
  await look(page, "/signin");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("The passkey was not used").waitFor();
});

for (const [how, options] of [["", {}], [" without JavaScript", { javaScriptEnabled: false }]]) {
  await attempt(`from the desk to the patient${how}`, options, async (page) => {
    const start = Date.now();
    const code = await vouch(counter);
    must(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(code), code);
    await withCode(page, code.toLowerCase(), ada);
    if (options.javaScriptEnabled === false) {
      must(await page.getByText("Passkeys do not work in this browser").isVisible(), "nothing says why there is no passkey");
      must(!(await page.locator("#passkey-button").isVisible()), "a button that does nothing is shown");
    }
    await page.getByRole("link", { name: "Not now" }).click();
    must(at(page) === "/my", page.url());
    await look(page, "/account");
    must(await page.getByText("We know who you are").isVisible(), "the level is not said");
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    must(await page.getByText("You have signed out").isVisible(), "nothing says that it was done");
    if (options.javaScriptEnabled === false) {
      must(await page.getByText("You can sign in another way").isVisible(), "no other way is shown");
      must(await page.getByRole("link", { name: "Use a code from the desk" }).isVisible(), "no way with a code");
    }
    await withCode(page, code, ada).then(() => { throw new Error("the code works twice"); }, (e) => must(/after the code/.test(e.message), e.message));
    return `${Date.now() - start} ms`;
  });

  await attempt(`with the built-in provider, from P5 to what unlocks${how}`, options, async (page) => {
    await look(page, "/my/record");
    await page.getByRole("link", { name: "Sign in with a made-up person" }).click();
    must(await page.getByText("This is the built-in sign-in of Kith.").isVisible(), "it does not say what it is");
    await page.getByLabel("Fay Five").check();
    await page.getByRole("button", { name: "Continue" }).click();
    must(at(page) === "/my/record" && await page.getByRole("heading", { name: "How to unlock it" }).isVisible(), page.url());
    await page.getByRole("link", { name: "Sign in with a made-up person" }).click();
    await page.getByLabel("Tom Reed").check();
    await page.getByRole("button", { name: "Continue" }).click();
    must(!(await page.getByText("This page is locked").isVisible()), "still locked at P9");
    await look(page, "/account");
    must(await page.getByRole("heading", { name: "Tom Reed" }).isVisible(), "somebody else");
  });

  await attempt(`staff choose their role${how}`, options, async (page) => {
    if (how) return "the code is used up; the page is the same form";
    await withCode(page, asked.codes.several, nia);
    await look(page, "/desk/vouch");
    must(at(page) === "/signin/role", page.url());
    await page.getByLabel("Nurse at A81001").check();
    await page.getByRole("button", { name: "Continue" }).click();
    must(at(page) === "/desk/vouch", page.url());
  });
}

await attempt("with the keyboard alone", {}, async (page) => {
  await authenticator(page);
  const to = async (name) => {
    for (let n = 0; ; n++) {
      const here = await page.evaluate(() => {
        const e = document.activeElement, s = getComputedStyle(e);
        return { what: (e.labels?.[0]?.textContent ?? e.textContent).trim(), ring: s.outlineStyle !== "none" || s.boxShadow !== "none" || s.backgroundColor === "rgb(255, 235, 59)" };
      });
      if (here.what.startsWith(name)) {
        must(here.ring, `${name} does not show that it has focus`);
        return;
      }
      must(n < 40, `${name} is not reached`);
      await page.keyboard.press("Tab");
    }
  };
  await look(page, "/signin");
  await to("Use a code from the desk");
  await page.keyboard.press("Enter");
  await page.waitForURL(/code/);
  await to("What is your code?");
  await page.keyboard.type(asked.codes.tabs);
  await page.keyboard.press("Enter");
  await page.getByLabel("Day").waitFor();
  for (const [name, value] of [["Day", "3"], ["Month", "2"], ["Year", "1980"]]) {
    await to(name);
    await page.keyboard.type(value);
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/account\/passkey/);
  await to("Set up a passkey");
  await page.keyboard.press("Enter");
  await page.waitForURL(/did=added/);
  await to("Sign out");
  await to("Sign out everywhere");
  await page.keyboard.press("Enter");
  await page.waitForURL(/signin/);
  await to("Sign in with a passkey");
  await page.keyboard.press("Space");
  await page.waitForURL((u) => u.pathname === "/");
});

// checked holds a page against axe, a small telephone and print.
async function checked(name, page) {
  await page.evaluate(() => window.scrollTo(0, 0));
  if (asked.shots) await page.screenshot({ path: `${asked.shots}/${name.replace(/\W+/g, "-")}.png`, fullPage: true });
  const wide = page.viewportSize();
  for (const [media, size] of [["screen", wide], ["print", wide], ["screen", { width: 320, height: 640 }]]) {
    const label = size.width === 320 ? "320 px" : media;
    try {
      await page.emulateMedia({ media });
      await page.setViewportSize(size);
      const found = await barriers(page);
      must(found.violations.length === 0, found.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join("; "));
      if (size.width === 320) {
        await fits(page);
        if (asked.shots) await page.screenshot({ path: `${asked.shots}/${name.replace(/\W+/g, "-")}-320.png`, fullPage: true });
      }
      say(`axe, ${label}: ${name}`, "", `${found.passes.length} rules passed`);
    } catch (e) {
      say(`axe, ${label}: ${name}`, e.message.split("\n")[0]);
    }
  }
  await page.emulateMedia({ media: "screen" });
  await page.setViewportSize(wide);
}

async function shown(name, page) {
  const title = await page.title();
  const wrong = /wrong|refused|slowed/.test(name);
  must(title.startsWith("Error:") === wrong, `${name}: the title is ${title}`);
  if (wrong) {
    for (const link of await page.locator(".nhsuk-error-summary a").all()) {
      must((await page.locator(await link.getAttribute("href")).count()) === 1, `${name}: an error leads nowhere`);
    }
  }
  await checked(name, page);
}

await attempt("every page", { bypassCSP: true }, async (page) => {
  await authenticator(page);
  await look(page, "/signin?over=yes");
  await shown("sign in", page);
  await look(page, "/signin/code");
  await shown("code", page);
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("code wrong", page);
  await page.getByLabel("What is your code?").fill("ACDE FGHJ KMNP");
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("birth date", page);
  await page.getByRole("button", { name: "Sign in" }).click();
  await shown("birth date wrong", page);
  for (const [label, value] of [["Day", "1"], ["Month", "1"], ["Year", "1950"]]) await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Sign in" }).click();
  await shown("code refused", page);
  await look(page, "/signin/back/built-in?state=x");
  await shown("back from nowhere", page);
  await look(page, "/idp/authorize");
  await shown("provider without a request", page);
  await look(page, "/signin/with/built-in");
  await shown("provider", page);
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("provider wrong", page);
  await look(page, "/signin/with/passwords");
  await shown("provider with passwords", page);
  await page.getByLabel("User name").fill("ada");
  await page.getByLabel("Password").fill("wrong wrong wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("provider with passwords wrong", page);
  await look(page, "/signin/with/built-in");
  await page.getByLabel("Fay Five").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("home P5", page);
  await look(page, "/account");
  await shown("account P5", page);
  await look(page, "/my/record");
  await shown("locked", page);
  await look(page, "/account/passkey");
  await shown("passkey", page);
  await page.getByRole("button", { name: "Set up a passkey" }).click();
  await page.waitForURL(/did=added/);
  await shown("account with a passkey", page);
  await page.getByRole("link", { name: /Remove/ }).click();
  await shown("remove a passkey", page);
  await look(page, "/account/passkey/none");
  await shown("no such passkey", page);
  await look(page, "/desk/vouch");
  await shown("locked for a patient", page);
});

// A provider's sign-in is unlocked by a code from the desk.
await attempt("the desk unlocks a provider's sign-in", { bypassCSP: true }, async (page) => {
  const code = await vouch(counter);
  await look(page, "/signin/with/built-in");
  await page.getByLabel("Ada Okafor").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await look(page, "/account");
  must(await page.getByText("Your health record is still locked").isVisible(), "it is not locked");
  await withCode(page, code, ada).catch(() => {});
  must(at(page) === "/account/join", page.url());
  await shown("join", page);
  await page.getByRole("button", { name: "Continue" }).click();
  await shown("join wrong", page);
  await page.getByLabel("Yes, that is me").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await look(page, "/account");
  must(await page.getByText("We know who you are").isVisible(), "still locked");
});

// The paper from the desk is one page of A4.
await attempt("the paper is one page", { storageState: await desk.storageState() }, async (page) => {
  await vouch(page);
  const pdf = await page.pdf({ preferCSSPageSize: true });
  const pages = (pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;
  must(pages === 1, `${pages} pages`);
  return `${pdf.length} bytes of PDF`;
});

await attempt("every page of the desk", { bypassCSP: true, storageState: await desk.storageState() }, async (page) => {
  await look(page, "/desk/vouch");
  await shown("desk", page);
  await page.getByRole("button", { name: "Find" }).click();
  await shown("desk wrong", page);
  for (const [label, value] of [["NHS number", "9990000018"], ["Day", "14"], ["Month", "7"], ["Year", "1945"]]) await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Find" }).click();
  await shown("desk found", page);
  await page.getByRole("button", { name: "Give out a code" }).click();
  await shown("desk nothing seen wrong", page);
  await page.getByLabel("I know this person").check();
  await page.getByLabel("Here and now").check();
  await page.getByRole("button", { name: "Give out a code" }).click();
  await shown("paper", page);
  await look(page, "/desk/recover");
  await shown("recover", page);
  for (const [label, value] of [["NHS number", "9990000018"], ["Day", "14"], ["Month", "7"], ["Year", "1945"]]) await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Find" }).click();
  await shown("recover found", page);
  await page.getByRole("button", { name: "Give out a code" }).click();
  await shown("recover wrong", page);
  await look(page, "/signin/role");
  await shown("role", page);
  await page.getByRole("button", { name: "Continue" }).click();
  await look(page, "/account");
  await shown("account of staff", page);
});

// Guessing is slowed, and the page says until when.
await attempt("too many wrong codes", { bypassCSP: true }, async (page) => {
  for (let n = 0; n < 12; n++) {
    await look(page, "/signin/code");
    await page.getByLabel("What is your code?").fill("ACDE FGHJ KMNP");
    await page.getByRole("button", { name: "Continue" }).click();
    for (const [label, value] of [["Day", "1"], ["Month", "1"], ["Year", "1950"]]) await page.getByLabel(label).fill(value);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  must(await page.locator(".nhsuk-error-summary").getByText(/You can try again at \d\d:\d\d/).isVisible(), "it does not say until when");
  await shown("slowed", page);
});

await browser.close();
