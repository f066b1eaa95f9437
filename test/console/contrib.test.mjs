// contrib/: the exporter of the distribution reads a real server, Prometheus reads the exporter, each alert is tried by
// promtool, each query of the dashboard is run.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import test, { after } from "node:test";
import { root, sql, until } from "./lib.mjs";

const there = (program) => spawnSync(program, ["--version"]).error === undefined;
const skip = there("promtool") && there("prometheus") && there("prometheus-sql-exporter") ? false : "Prometheus and its exporter are not here";
const dir = mkdtempSync(`${tmpdir()}/foreman-contrib-`);
const started = [];
after(async () => {
    for (const child of started) child.kill("SIGTERM");
    await Promise.all(started.map((child) => new Promise((done) => (child.exitCode === null ? child.on("exit", done) : done()))));
    rmSync(dir, { recursive: true, force: true });
});

const freePort = () =>
    new Promise((resolve) => {
        const server = net.createServer().listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
const run = (program, options) => {
    const child = spawn(program, options, { stdio: "ignore", cwd: dir });
    started.push(child);
    return child;
};
const get = async (url) => (await fetch(url)).text();

test("each alert fires when it should and is quiet otherwise", { skip }, () => {
    const rules = readFileSync(`${root}/contrib/prometheus/alerts.yml`, "utf8");
    const tried = readFileSync(`${root}/contrib/prometheus/alerts_test.yml`, "utf8");
    for (const [, name] of rules.matchAll(/alert: (\w+)/g)) assert.equal(tried.split(`alertname: ${name}\n`).length, 3, name);
    execFileSync("promtool", ["check", "rules", "alerts.yml"], { cwd: `${root}/contrib/prometheus` });
    execFileSync("promtool", ["test", "rules", "alerts_test.yml"], { cwd: `${root}/contrib/prometheus` });
    for (const [, name] of rules.matchAll(/alert: (\w+)/g)) assert.ok(readFileSync(`${root}/docs/metrics.md`, "utf8").includes("`" + name + "`"), `${name} is not in docs/metrics.md`);
});

test("the exporter and Prometheus read a real server, and every query of the dashboard works", { skip }, async () => {
    sql("SELECT foreman.grant_role('monitor', 'trusting'); SELECT foreman.enqueue('works') FROM generate_series(1, 20)");
    const exporter = await freePort();
    const prometheus = await freePort();
    const edit = (name, change) => writeFileSync(`${dir}/${name}`, change(readFileSync(`${root}/contrib/prometheus/${name}`, "utf8")));
    const at = `postgres://trusting@/postgres?host=${encodeURIComponent(process.env.PGHOST)}&port=${process.env.PGPORT}&sslmode=disable`;
    edit("sql_exporter.yml", (text) => text.replace(/'postgres:[^']*'/, `'${at}'`).replace("interval: '15s'", "interval: '1s'"));
    edit("prometheus.yml", (text) => text.replace("127.0.0.1:9237", `127.0.0.1:${exporter}`).replace("scrape_interval: 15s", "scrape_interval: 1s"));
    cpSync(`${root}/contrib/prometheus/alerts.yml`, `${dir}/alerts.yml`);
    run("prometheus-sql-exporter", ["-config.file", "sql_exporter.yml", "-web.listen-address", `127.0.0.1:${exporter}`]);
    await until("the exporter has read the server", async () => (await get(`http://127.0.0.1:${exporter}/metrics`).catch(() => "")).includes('name="foreman_unhealthy"'));
    run("prometheus", ["--config.file=prometheus.yml", `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${prometheus}`]);
    // While it starts, it answers in plain words.
    const ask = async (query) => {
        try {
            return JSON.parse(await get(`http://127.0.0.1:${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`));
        } catch {
            return { status: "away" };
        }
    };
    const series = await until("Prometheus has read the exporter twice", async () => {
        const { data } = await ask("rate(foreman_jobs_completed_total[1m])");
        return data?.result?.length ? data.result : undefined;
    });
    assert.deepEqual(Object.keys(series[0].metric).sort(), ["database", "instance", "job", "queue"]);

    // Every metric of the view is there under its own name.
    const names = JSON.parse(await get(`http://127.0.0.1:${prometheus}/api/v1/label/__name__/values`)).data;
    for (const name of sql("SELECT DISTINCT name FROM foreman.metrics").split("\n")) assert.ok(names.includes(name), name);

    const dashboard = JSON.parse(readFileSync(`${root}/contrib/grafana/pg_foreman.json`, "utf8"));
    const mayBeEmpty = /wait_seconds|run_seconds|workflows|projection|executor/;
    for (const panel of dashboard.panels)
        for (const { expr } of panel.targets) {
            const answer = await ask(expr.replaceAll("$database", ".*").replaceAll("$queue", ".*").replaceAll("$__rate_interval", "1m"));
            assert.equal(answer.status, "success", expr);
            if (!mayBeEmpty.test(expr)) assert.ok(answer.data.result.length > 0, `${panel.title}: ${expr} finds nothing`);
            for (const [, name] of expr.matchAll(/(foreman_\w+)/g)) assert.ok(names.includes(name) || mayBeEmpty.test(name), `${panel.title}: there is no ${name}`);
        }
    const rules = JSON.parse(await get(`http://127.0.0.1:${prometheus}/api/v1/rules`)).data.groups[0].rules;
    assert.equal(rules.length, 11);
    await until("the rules have been evaluated", async () => JSON.parse(await get(`http://127.0.0.1:${prometheus}/api/v1/rules`)).data.groups[0].rules.every((r) => r.health !== "err"));
});
