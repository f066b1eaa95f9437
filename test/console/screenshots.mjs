// Takes the pictures of docs/console.md; called by test/console/screenshots with the directory that they go to.
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.FOREMAN_ROOT}/build/console/npm/package.json`)("playwright-core");
const address = `http://127.0.0.1:${process.env.FOREMAN_CONSOLE_PORT ?? 7833}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

async function logIn(options) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 760 }, timezoneId: "UTC", ...options });
    const page = await context.newPage();
    await page.goto(address);
    await page.getByLabel("Role").fill("operator");
    await page.getByLabel("Password").fill("demo");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    return page;
}

async function take(page, place, file) {
    await page.evaluate((hash) => (location.hash = hash), "#/" + place);
    await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main").textContent.includes("Loading..."));
    await page.waitForTimeout(600);
    await page.screenshot({ path: `${process.argv[2]}/console-${file}.png` });
}

const page = await logIn({});
await take(page, "overview", "overview");
await take(page, "queues", "queues");
await take(page, "jobs", "jobs");
await page.evaluate(() => (location.hash = "#/jobs?queue=letters&state=available"));
const waiting = await page.getByRole("table").getByRole("link").first().textContent();
await take(page, `job?id=${waiting}`, "why");
await take(page, "batches", "batches");
const batch = await page.getByRole("table").getByRole("link").first().textContent();
await take(page, `graph?batch=${batch}`, "graph");
await take(page, "workflow?type=order&id=delivered", "workflow");
await take(await logIn({ colorScheme: "dark", viewport: { width: 360, height: 740 } }), `job?id=${waiting}`, "narrow");
await browser.close();
