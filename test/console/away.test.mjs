// What is behind the console is not as it should be: a standby, another version of the extension, a role that is gone. The
// page says so in words, offers nothing that cannot work, and is back by itself. The unit of systemd is read here, too.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { after } from "node:test";
import { browser, logIn, newPage, open, skip } from "./browser.mjs";
import { Client, conninfo, loggedIn, program, root, sql, start, until } from "./lib.mjs";

const started = [];
const console_ = async (options) => {
    const made = await start(options);
    started.push(made);
    return made;
};
const standby = (what) => execFileSync(`${root}/test/console/standby`, [what], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
after(async () => {
    await browser?.close();
    for (const each of started) await each.stop();
    standby("down");
});
const badges = (page) => page.locator("header").textContent();
const buttons = (page) => page.getByRole("main").getByRole("button", { name: /^(Pause|Resume|Change limits|Cancel|Run now)$/ }).count();

test("a streaming standby: the page shows what there is, offers no actions, and offers them when it is promoted", { skip }, async () => {
    sql("SELECT foreman.pause_queue('mail'); SELECT foreman.enqueue('works', queue => 'mail', unique_key => 'on the standby')");
    const id = sql("SELECT job_id FROM foreman.jobs WHERE unique_key = 'on the standby'");
    const port = standby("up");
    const made = await console_(["--connect", `host=${process.env.PGHOST} port=${port} dbname=postgres`]);
    const page = await newPage();
    await logIn(page, made);
    assert.match(await badges(page), /standby/);
    await page.getByText("This server is a standby: jobs run on the primary").first().waitFor();
    await open(page, `job?id=${id}`);
    await page.getByText("on the standby").waitFor();
    assert.equal(await buttons(page), 0);
    // What the primary does is seen here.
    await open(page, "jobs?kind=streams_by");
    await page.getByText("No job matches.").waitFor();
    const streamed = sql("SELECT foreman.enqueue('streams_by', run_at => now() + interval '1 day')");
    await page.getByRole("link", { name: streamed, exact: true }).waitFor();
    // Whoever sends an action all the same is told why not, in words.
    const client = await loggedIn(made, "ops");
    const refused = await client.act("cancel", { ids: [id] });
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.json.message, /^This server is a standby/);
    for (const name of ["overview", "charts", "queues", "jobs", "problems", "health", "workers", "timers", "streams", "workflows"]) {
        const { status, text } = await client.page(name, {});
        assert.equal(status, 200, `${name}: ${text}`);
    }
    // Down and up again: a log-in is asked for, and all is there.
    standby("stop");
    await page.getByText("Please log in again.").waitFor();
    standby("start");
    await page.getByLabel("Role").fill("ops");
    await page.getByLabel("Password").fill("ops-pw");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("link", { name: streamed, exact: true }).waitFor();
    standby("promote");
    await until("the page has seen that it is a primary", async () => !/standby/.test(await badges(page)));
    await open(page, "queue?name=mail");
    await until("actions are offered", async () => (await buttons(page)) > 0);
    await page.context().close();
    sql("SELECT foreman.resume_queue('mail')");
});

test("another version of the extension is named, and the page is back by itself when the right one is there", { skip }, async () => {
    sql("CREATE DATABASE versions");
    sql("CREATE EXTENSION pg_foreman; SELECT foreman.grant_role('operator', 'ops'); UPDATE pg_catalog.pg_extension SET extversion = '2.0' WHERE extname = 'pg_foreman'", "versions");
    const made = await console_(["--connect", conninfo("versions")]);
    const page = await newPage();
    await page.goto(made.address);
    await page.getByLabel("Role").fill("ops");
    await page.getByLabel("Password").fill("ops-pw");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("This database has version 2.0 of pg_foreman; this console is for version 1.").waitFor();
    sql("UPDATE pg_catalog.pg_extension SET extversion = '1.0' WHERE extname = 'pg_foreman'", "versions");
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    // It goes while somebody looks, and comes again.
    await open(page, "queues");
    sql("DROP EXTENSION pg_foreman", "versions");
    await page.getByText("This database has no pg_foreman, or another version of it.").waitFor();
    sql("CREATE EXTENSION pg_foreman; SELECT foreman.grant_role('operator', 'ops')", "versions");
    await page.getByText("This database has no pg_foreman").waitFor({ state: "detached" });
    await page.getByRole("heading", { level: 1, name: "Queues" }).waitFor();
    await page.context().close();
});

test("a role that may not log in any more, or is gone, is told so by the next page", { skip }, async () => {
    sql("CREATE ROLE goes LOGIN PASSWORD 'goes-pw'; SELECT foreman.grant_role('monitor', 'goes')");
    const made = await console_([]);
    const page = await newPage();
    await logIn(page, made, "goes");
    await open(page, "queues");
    sql("SELECT foreman.revoke_role('monitor', 'goes')");
    await page.getByText("Your role may not see this.").first().waitFor();
    sql("SELECT foreman.grant_role('monitor', 'goes')");
    await page.getByText("Your role may not see this.").waitFor({ state: "detached" });
    sql("SELECT foreman.revoke_role('monitor', 'goes'); DROP ROLE goes");
    await page.getByRole("main").getByRole("alert").first().waitFor();
    const client = new Client(made);
    const answer = await client.logIn("goes");
    assert.equal(answer.status, 403, answer.text);
    await page.context().close();
});

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
test("systemd takes the unit without a complaint", { skip: analyze ? false : "there is no systemd-analyze here" }, () => {
    const dir = mkdtempSync(`${tmpdir()}/foreman-unit-`);
    after(() => rmSync(dir, { recursive: true, force: true }));
    const unit = readFileSync(`${root}/console/foreman-console.service`, "utf8");
    assert.match(unit, /^ExecStart=\/usr\/local\/bin\/foreman-console /m);
    // The program is where it was built, and so is its manual page.
    const here = unit.replace("/usr/local/bin/foreman-console", program).replace("man:foreman-console(1)", "https://example.com/");
    writeFileSync(`${dir}/foreman-console.service`, here);
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", `${dir}/foreman-console.service`], { encoding: "utf8" });
    // Units of the machine that it mentions are not ours.
    const said = (stdout + stderr).split("\n").filter((line) => line.includes("foreman-console"));
    assert.deepEqual(said, []);
    assert.equal(status, 0, stdout + stderr);
});
