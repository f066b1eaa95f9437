// What the tests of the console share: the program, a plain client of HTTP, and psql.
import { execFileSync, spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import { once } from "node:events";

export const root = process.env.FOREMAN_ROOT;
export const program = process.env.FOREMAN_CONSOLE_PROGRAM ?? `${root}/build/console/foreman-console`;
export const conninfo = (database = "postgres") => `host=${process.env.PGHOST} port=${process.env.PGPORT} dbname=${database}`;

export function sql(text, database = "postgres") {
    return execFileSync(process.env.FOREMAN_PSQL, ["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], { input: text, encoding: "utf8" }).trim();
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until a condition holds; a busy machine gets a long time. */
export async function until(what, condition, ms = 20000) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
        await sleep(50);
    }
}

/** Starts the console; resolves when it has printed its address. */
export async function start(options = [], env = {}) {
    const list = options.includes("--listen") ? options : ["--listen", "127.0.0.1:0", ...options];
    const child = spawn(program, ["--connect", conninfo(), ...list], { env: { PATH: process.env.PATH, ...env } });
    const console_ = { child, log: "", address: "" };
    // Also when a test or a measurement ends by an error.
    process.on("exit", () => child.kill());
    child.stderr.on("data", (data) => (console_.log += data));
    child.stdout.on("data", (data) => (console_.address += data));
    child.ended = once(child, "exit");
    await until("the console is ready: " + console_.log, () => {
        if (child.exitCode !== null) throw new Error("the console ended: " + console_.log);
        return console_.address.includes("\n");
    });
    console_.address = console_.address.trim().replace("foreman-console: ", "");
    console_.url = console_.address.replace(/\/$/, "");
    console_.stop = async () => {
        child.kill("SIGTERM");
        await child.ended;
    };
    return console_;
}

/** Runs it with options that it should refuse. */
export async function refused(options) {
    const child = spawn(program, options);
    let text = "";
    child.stderr.on("data", (data) => (text += data));
    const [code] = await once(child, "exit");
    return { code, text };
}

/** A browser without a page: it keeps its cookie. */
export class Client {
    constructor(console_, { socketPath } = {}) {
        this.url = console_.url;
        this.socketPath = socketPath;
        this.cookie = "";
    }

    request(method, path, { headers = {}, body } = {}) {
        const url = this.socketPath ? new URL("http://localhost") : new URL(this.url);
        const all = { connection: "close", ...(this.cookie ? { cookie: this.cookie } : {}), ...headers };
        for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
        return new Promise((resolve, reject) => {
            const target = this.socketPath ? { socketPath: this.socketPath } : { host: url.hostname, port: url.port };
            const request = http.request({ ...target, method, path, headers: all }, (response) => {
                let text = "";
                response.setEncoding("utf8");
                response.on("data", (data) => (text += data));
                response.on("end", () => {
                    const cookie = response.headers["set-cookie"]?.[0];
                    if (cookie) this.cookie = cookie.split(";")[0];
                    let json;
                    try {
                        json = JSON.parse(text);
                    } catch {
                        json = undefined;
                    }
                    resolve({ status: response.statusCode, headers: response.headers, text, json });
                });
                response.on("error", reject);
            });
            request.on("error", reject);
            if (body !== undefined) request.write(body);
            request.end();
        });
    }

    own(extra = {}) {
        return { origin: this.origin ?? this.url, "x-foreman-console": "1", ...extra };
    }

    logIn(role, password = role + "-pw") {
        const body = new URLSearchParams({ role, password }).toString();
        return this.request("POST", "/api/log-in", { headers: this.own({ "content-type": "application/x-www-form-urlencoded" }), body });
    }

    page(name, parameters = {}, headers = {}) {
        const query = new URLSearchParams(parameters).toString();
        return this.request("GET", `/api/page/${name}${query && "?" + query}`, { headers });
    }

    act(name, body, headers = {}) {
        return this.request("POST", `/api/action/${name}`, {
            headers: this.own({ "content-type": "application/json", ...headers }),
            body: typeof body === "string" ? body : JSON.stringify(body),
        });
    }
}

export async function loggedIn(console_, role) {
    const client = new Client(console_);
    const answer = await client.logIn(role);
    if (answer.status !== 200) throw new Error(`${role} cannot log in: ${answer.text}`);
    return client;
}

/** Sends bytes as they are; resolves with what came back when the other side closes, and how long that took. */
export function raw(console_, bytes, { dribble } = {}) {
    const url = new URL(console_.url);
    return new Promise((resolve) => {
        const begun = Date.now();
        let text = "";
        const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
        const timer = dribble && setInterval(() => socket.write(dribble), 500);
        socket.on("data", (data) => (text += data));
        socket.on("error", () => {});
        socket.on("close", () => {
            clearInterval(timer);
            resolve({ text, ms: Date.now() - begun });
        });
    });
}
