// What the tests in a real browser share: Chromium from the distribution, driven by playwright-core.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { root } from "./lib.mjs";

const need = createRequire(`${root}/build/console/npm/package.json`);
const { chromium } = need("playwright-core");
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

export const axe = need("axe-core").source;
export const skip = executablePath ? false : "there is no Chromium here";
export const browser = executablePath && (await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] }));

/** A page of a browser that nobody has used; `faults` are what it complained of. */
export async function newPage({ width = 1280, dark = false } = {}) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: dark ? "dark" : "light" });
    const page = await context.newPage();
    page.faults = [];
    page.on("console", (message) => message.type() === "error" && !/status of (401|403|503)/.test(message.text()) && page.faults.push(message.text()));
    page.on("pageerror", (error) => page.faults.push(error.message));
    return page;
}

/** Logs in as one of the roles of roles.sql, whose password is its name and "-pw". */
export async function logIn(page, console_, role = "ops") {
    await page.goto(console_.address);
    await page.getByLabel("Role").fill(role);
    await page.getByLabel("Password").fill(role + "-pw");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: role === "stranger" ? "Nothing to see" : "Overview" }).waitFor();
}

/** Goes to a place of the page, and waits until it is there. */
export async function open(page, place) {
    await page.evaluate((hash) => (location.hash = hash), "#/" + place);
    await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main")?.textContent.includes("Loading..."));
}
