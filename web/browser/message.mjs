// Drives messages in a real Chromium and prints one JSON line for each thing that was tried: {name, fault, note}.
// Usage: node message.mjs '{"chromium":"/usr/bin/chromium","site":"http://…","desk":"http://…","photo":"/tmp/a.jpg","file":"/tmp/a.heic"}'
import { fits, must, noBarriers, open, tabTo } from "./attempt.mjs";

const asked = JSON.parse(process.argv[2]);
const { browser, attempt } = await open(asked.chromium);
const look = (page, path, at = asked.site) => page.goto(at + path, { waitUntil: "load" });
const press = (page, name) => page.getByRole("button", { name }).click();

await attempt("a message with a photograph, an answer, a reply, and closing, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await look(page, "/my/messages");
  await page.getByRole("link", { name: "Write a message" }).click();
  await page.getByLabel("Mill Lane Surgery").check();
  await press(page, "Continue");
  await page.getByLabel("What is it about?").fill("My arm");
  await page.getByLabel("Your message").fill("I have a rash.");
  await page.getByLabel("Add a photograph, if it helps").setInputFiles(asked.photo);
  await press(page, "Send");
  must(await page.getByText("Your message was sent.").isVisible(), "it is not said that it was sent");
  const picture = page.getByRole("img", { name: "Photograph 1" });
  must(await picture.evaluate((img) => img.complete && img.naturalWidth === 60), "the photograph is not shown");
  const path = new URL(page.url()).pathname;

  const thread = path.split("/").pop();
  await look(page, `/person/ada/messages/${thread}`, asked.desk);
  await page.getByLabel("Your message").fill("Use the cream twice a day.");
  await press(page, "Send");
  must(await page.getByText("Use the cream twice a day.").isVisible(), "the answer is not there");

  await look(page, "/my/messages");
  must(await page.getByText("You have 1 new message.").isVisible(), "nothing says that there is an answer");
  await page.getByRole("link", { name: "My arm" }).click();
  await page.getByLabel("Your message").fill("Thank you, here it is today.");
  await page.getByLabel("Add a photograph, if it helps").setInputFiles(asked.photo);
  await press(page, "Send");
  must((await page.getByRole("img").count()) === 2, "the second photograph is not there");
  await page.getByRole("link", { name: "Close this conversation" }).click();
  await press(page, "Close the conversation");
  must(await page.getByRole("alert").getByText("Say why you close it").isVisible(), "no reason is asked for");
  await page.getByLabel("Why do you close the conversation?").fill("It is better");
  await press(page, "Close the conversation");
  must(await page.getByText("The conversation is closed.").isVisible(), "it is not said that it is closed");
});

await attempt("a photograph that cannot be opened, and what was typed stays", {}, async (page) => {
  await look(page, "/my/messages/new?to=Organization/a");
  await page.getByLabel("Your message").fill("Look at this");
  await page.getByLabel("Add a photograph, if it helps").setInputFiles(asked.file);
  await press(page, "Send");
  must(await page.getByRole("alert").getByText(/HEIC/).isVisible(), "it is not said what is wrong");
  must((await page.getByLabel("Your message").inputValue()) === "Look at this", "what was typed is gone");
  await noBarriers(page);
});

await attempt("each page looked at by axe, on a small telephone", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  const each = async () => { await noBarriers(page); await fits(page); };
  await look(page, "/my/messages");
  await each();
  await page.getByRole("link", { name: "My arm" }).click();
  await each();
  await press(page, "Send"); // nothing written
  await each();
  await look(page, "/my/messages/new");
  await each();
  await press(page, "Continue"); // nobody chosen
  await each();
  await look(page, "/my/messages/new?to=Organization/a");
  await each();
  for (const path of ["/my/needs", "/my/needs/channel", "/my/needs/format", "/my/needs/language", "/my/needs/interpreter", "/my/messages/nowhere"]) {
    await look(page, path);
    await each();
  }
  await look(page, "/my/needs/interpreter");
  await page.locator("input[name=answer]").evaluateAll((all) => all.forEach((one) => (one.checked = false)));
  await press(page, "Continue"); // nothing chosen
  await each();
  for (const path of ["/messages", "/person/ada/messages", "/person/ada/messages/new", "/person/ada/needs"]) {
    await look(page, path, asked.desk);
    await each();
  }
});

await attempt("how we reach you, with the keyboard alone: large print and Welsh, which these pages follow", { bypassCSP: true, viewport: { width: 320, height: 640 } }, async (page) => {
  await look(page, "/my/needs/format");
  await tabTo(page, "#answer");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "form button");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  must(await page.locator("html.kith-large").count(), "the page is not in large print");
  must(await page.getByText("We have kept your answer").isVisible(), "it is not said that it is kept");
  await look(page, "/my/needs/language");
  await page.getByLabel("Cymraeg").check();
  await press(page, "Continue");
  must((await page.locator("html").getAttribute("lang")).startsWith("cy"), "the page is not in Welsh");
  await noBarriers(page);
  await look(page, "/my/messages");
  must(await page.getByRole("heading", { name: "Negeseuon" }).isVisible(), "messages are not in Welsh");
  await fits(page);
});

await attempt("at the desk: what waits is taken and answered", {}, async (page) => {
  await look(page, "/my/messages/new?to=Organization/a");
  await page.locator("#subject").fill("My tablets");
  await page.locator("#words").fill("I have none left");
  await page.locator("form button").click();
  await look(page, "/messages", asked.desk);
  for (let n = 0; n < 50 && !(await page.getByText("My tablets").count()); n++) {
    await page.waitForTimeout(100);
    await page.reload();
  }
  await press(page, "Take Ada Okafor");
  await page.getByRole("link", { name: "Answer Ada Okafor" }).click();
  await page.getByLabel("Your message").fill("They are at the pharmacy");
  await press(page, "Send");
  await look(page, "/messages", asked.desk);
  for (let n = 0; n < 50 && (await page.getByText("My tablets").count()); n++) {
    await page.waitForTimeout(100);
    await page.reload();
  }
  must(!(await page.getByText("My tablets").count()), "it still waits after it was answered");
});

await browser.close();
