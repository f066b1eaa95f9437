// Talks to the console's server. A page is asked for once, then again every two seconds while somebody looks at it.
import { useEffect, useRef, useState } from "preact/hooks";
import { parse, type Value } from "./json";

export class Problem extends Error {
    constructor(
        readonly status: number,
        readonly word: string,
        message: string,
        readonly hint = "",
        readonly sqlstate = "",
    ) {
        super(message);
    }
}

export type Parameters = Record<string, string | undefined>;
// What pages answer is described by their .sql files.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Data = any;

async function ask(path: string, init: RequestInit): Promise<Data> {
    let answer: Response;
    try {
        answer = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
    } catch {
        throw new Problem(0, "console", "The console does not answer.");
    }
    let body: Value;
    try {
        body = parse(await answer.text());
    } catch {
        throw new Problem(answer.status, "wrong", "The console gave an answer that cannot be read.");
    }
    if (answer.ok) return body;
    const said = (body ?? {}) as Record<string, string>;
    const problem = new Problem(answer.status, said.error ?? "wrong", said.message ?? `status ${answer.status}`, said.hint, said.sqlstate);
    if (problem.status === 401) onLoggedOut(problem);
    throw problem;
}

let onLoggedOut: (problem: Problem) => void = () => {};
export function whenLoggedOut(call: (problem: Problem) => void) {
    onLoggedOut = call;
}

const form = (parameters: Parameters) => {
    const out = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== "") out.set(name, value);
    return out.toString();
};

export function page(name: string, parameters: Parameters = {}, live = false): Promise<Data> {
    const query = form(parameters);
    return ask(`api/page/${name}${query && "?" + query}`, { headers: live ? { "x-foreman-live": "1" } : {} });
}

export function logIn(role: string, password: string): Promise<Data> {
    return ask("api/log-in", {
        method: "POST",
        headers: { "x-foreman-console": "1", "content-type": "application/x-www-form-urlencoded" },
        body: form({ role, password }),
    });
}

export function logOut(): Promise<Data> {
    return ask("api/log-out", { method: "POST", headers: { "x-foreman-console": "1" } });
}

let acted = 0;
const watchers = new Set<() => void>();

/** Does an action; the page that is shown asks for its data anew. */
export async function act(name: string, body: string | object): Promise<Data> {
    try {
        return await ask(`api/action/${name}`, {
            method: "POST",
            headers: { "x-foreman-console": "1", "content-type": "application/json" },
            body: typeof body === "string" ? body : JSON.stringify(body),
        });
    } finally {
        acted++;
        watchers.forEach((call) => call());
    }
}


export interface Live {
    data?: Data;
    problem?: Problem;
    paused: boolean;
    pause: (paused: boolean) => void;
}

/** The data of a page, kept current while the page can be seen. */
export function useLive(name: string, parameters: Parameters = {}, { still = false, every = 2000 } = {}): Live {
    const [state, setState] = useState<{ key: string; data?: Data; problem?: Problem }>({ key: "" });
    const [paused, pause] = useState(false);
    const key = name + "?" + form(parameters);
    const held = useRef(false);
    held.current = paused || still;
    useEffect(() => {
        let over = false;
        let timer = 0;
        let asking = false;
        const load = async (live: boolean) => {
            if (asking || over) return;
            asking = true;
            clearTimeout(timer);
            const begun = acted;
            try {
                const data = await page(name, parameters, live);
                if (!over) setState({ key, data });
            } catch (problem) {
                if (!over) setState((old) => ({ key, data: old.key === key ? old.data : undefined, problem: problem as Problem }));
            }
            asking = false;
            if (over) return;
            if (begun !== acted) void load(false);
            else timer = window.setTimeout(next, every);
        };
        const next = () => {
            if (document.hidden || held.current) timer = window.setTimeout(next, every);
            else void load(true);
        };
        const seen = () => !document.hidden && !held.current && void load(true);
        const changed = () => void load(false);
        void load(false);
        document.addEventListener("visibilitychange", seen);
        watchers.add(changed);
        return () => {
            over = true;
            clearTimeout(timer);
            document.removeEventListener("visibilitychange", seen);
            watchers.delete(changed);
        };
    }, [key]);
    return { ...(state.key === key ? { data: state.data, problem: state.problem } : {}), paused, pause };
}
