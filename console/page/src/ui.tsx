// The pieces that pages are made of. Text goes into the page as text only: Preact makes text nodes of it, and what would
// turn the writing round or hide something is shown as its number.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { act, Problem, type Data, type Live } from "./api";
import { Exact, type Value } from "./json";
import { go, href } from "./router";
import { useMay } from "./session";

const odd = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff]/g;

/** Text that a stranger may have written. */
export function Text({ of, max = 2000 }: { of: unknown; max?: number }) {
    if (of === null || of === undefined) return <span class="none">-</span>;
    const whole = String(of);
    const text = whole.length > max ? whole.slice(0, max) : whole;
    const parts: ComponentChildren[] = [];
    let at = 0;
    for (const found of text.matchAll(odd)) {
        const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
        parts.push(text.slice(at, found.index), <span class="odd">U+{code}</span>);
        at = found.index + 1;
    }
    parts.push(text.slice(at));
    return (
        <bdi>
            {parts}
            {whole.length > max && <span class="none"> ... {whole.length} characters</span>}
        </bdi>
    );
}

export const number = (value: unknown): string => {
    if (value === null || value === undefined) return "-";
    const text = String(value);
    return /^-?\d+$/.test(text) ? text.replace(/\B(?=(\d{3})+$)/g, "\u202f") : text;
};

export function span(seconds: unknown): string {
    if (seconds === null || seconds === undefined) return "-";
    const s = Number(seconds);
    if (Math.abs(s) < 1) return `${Math.round(s * 1000)} ms`;
    if (Math.abs(s) < 60) return `${s.toFixed(1)} s`;
    if (Math.abs(s) < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
    if (Math.abs(s) < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const ago = (from: string | null | undefined, to?: string | null): string =>
    from ? span(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000) : "-";

/** A time in the reader's zone; UTC when the pointer rests on it. */
export function Time({ at }: { at: string | null | undefined }) {
    if (!at) return <span class="none">-</span>;
    const date = new Date(at);
    if (Number.isNaN(date.getTime())) return <Text of={at} />;
    const two = (n: number) => String(n).padStart(2, "0");
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const hour = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    const today = new Date().toDateString() === date.toDateString();
    return (
        <time dateTime={at} title={`${date.toISOString().replace("T", " ").replace("Z", "")} UTC`}>
            {today ? hour : `${day} ${hour}`}
        </time>
    );
}

export function State({ of }: { of: string }) {
    return <span class={`state ${/^[a-z_]+$/.test(of) ? of : ""}`}>{of}</span>;
}

export function Job({ id }: { id: unknown }) {
    return id === null || id === undefined ? <span class="none">-</span> : <a href={href("job", { id: String(id) })}>{String(id)}</a>;
}

export function Queue({ name }: { name: string }) {
    return name === null ? (
        <span class="none">-</span>
    ) : (
        <a href={href("queue", { name })}>
            <Text of={name} max={100} />
        </a>
    );
}

/** A value of JSON with its numbers as they came; what is nested deeper than it is readable is folded. */
export function Json({ of, bytes }: { of: Value | undefined; bytes?: unknown }) {
    if ((of === null || of === undefined) && bytes) return <p class="none">{number(bytes)} bytes: too large to show here; psql has it.</p>;
    if (of === null || of === undefined) return <span class="none">-</span>;
    return (
        <pre class="json" tabIndex={0} role="region" aria-label="JSON">
            <Text of={printed(of)} max={70000} />
        </pre>
    );
}

const deepest = 60;
function printed(value: Value, indent = 0): string {
    if (value === null || typeof value === "boolean" || typeof value === "number" || value instanceof Exact) return String(value);
    if (typeof value === "string") return JSON.stringify(value);
    if (indent > deepest) return "...";
    const pad = "  ".repeat(indent + 1);
    const end = "\n" + "  ".repeat(indent);
    if (Array.isArray(value)) return value.length ? "[\n" + value.map((v) => pad + printed(v, indent + 1)).join(",\n") + end + "]" : "[]";
    const entries = Object.entries(value);
    return entries.length ? "{\n" + entries.map(([k, v]) => `${pad}${JSON.stringify(k)}: ${printed(v, indent + 1)}`).join(",\n") + end + "}" : "{}";
}

export interface Column {
    name: string;
    show: (row: Data) => ComponentChildren;
    right?: boolean;
}

// The columns that many tables have: a text, a time or a number of the row as it is, and what every job has.
export const text = (name: string, key: string, max = 120): Column => ({ name, show: (row) => <Text of={row[key]} max={max} /> });
export const time = (name: string, key: string): Column => ({ name, show: (row) => <Time at={row[key]} /> });
export const count = (name: string, key: string): Column => ({ name, right: true, show: (row) => number(row[key]) });
export const column = {
    state: { name: "State", show: (row: Data) => (row.state ? <State of={row.state} /> : "-") },
    kind: text("Kind", "kind", 80),
    queue: { name: "Queue", show: (row: Data) => <Queue name={row.queue} /> },
    job: { name: "Job", show: (row: Data) => <Job id={row.job_id} /> },
    error: text("Error", "error", 200),
    active: { name: "", show: (row: Data) => <OnOff on={row.active} /> },
};

/** The column of buttons, which only those have who may act. */
export const useActions = (show: Column["show"]): Column[] => (useMay().operate ? [{ name: "Actions", show }] : []);

export function OnOff({ on }: { on: boolean }) {
    return on ? <span class="state completed">on</span> : <span class="state paused">off</span>;
}

/** A link to the page behind this one, where there is one. */
export function Older({ place, at, before }: { place: string; at?: Record<string, string>; before: unknown }) {
    return before === null || before === undefined ? null : (
        <a class="button" href={href(place, { ...at, before: String(before) })}>
            Older
        </a>
    );
}

/** A form whose fields are the address of the page. */
export function Search({ place, at, fields }: { place: string; at: Record<string, string>; fields: [key: string, label: string, options?: string[]][] }) {
    const [f, setF] = useState(at);
    const find = (event: Event) => {
        event.preventDefault();
        go(place, Object.fromEntries(fields.map(([key]) => [key, (f[key] ?? "").trim()])));
    };
    return (
        <form class="filter" role="search" onSubmit={find}>
            {fields.map(([key, label, options]) => (
                <Field label={label} value={f[key] ?? ""} options={options} onInput={(value) => setF({ ...f, [key]: value })} />
            ))}
            <div class="buttons">
                <button type="submit" class="main">
                    Find
                </button>
                <a class="button" href={href(place)}>
                    All
                </a>
            </div>
        </form>
    );
}

export function Table({ caption, columns, rows, rowKey, empty = "Nothing here.", mark }: {
    caption: string;
    columns: Column[];
    rows: Data[] | null | undefined;
    rowKey: (row: Data) => string;
    empty?: string;
    mark?: (row: Data) => string;
}) {
    if (!rows?.length) return <p class="none">{empty}</p>;
    return (
        <div class="wide" role="region" aria-label={caption} tabIndex={0}>
            <table>
                <caption>{caption}</caption>
                <thead>
                    <tr>
                        {columns.map((c) => (
                            <th scope="col" class={c.right ? "right" : ""}>
                                {c.name}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {rows.map((row) => (
                        <tr key={rowKey(row)} class={mark?.(row)}>
                            {columns.map((c) => (
                                <td class={c.right ? "right" : ""}>{c.show(row)}</td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

/** Names and values, as a list of terms. */
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
    return (
        <dl class="facts">
            {of.map(([name, value]) => (
                <div>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}

export function Trouble({ problem }: { problem?: Problem }) {
    if (!problem) return null;
    const words: Record<string, string> = {
        denied: "Your role may not see this.",
        away: "The database server cannot be reached. This page tries again by itself.",
        console: "The console cannot be reached. This page tries again by itself.",
        extension: "This database has no pg_foreman, or another version of it. Run CREATE EXTENSION pg_foreman, or connect to another database.",
        missing: "There is no such thing, or your role does not see it.",
    };
    return (
        <div class="trouble" role="alert">
            <strong>{words[problem.word] ?? "This did not work."}</strong> <Text of={problem.message} />
            {problem.hint && (
                <p>
                    <Text of={problem.hint} />
                </p>
            )}
            {problem.sqlstate && <code>{problem.sqlstate}</code>}
        </div>
    );
}

/** The frame of a page: its heading, what is wrong with it, and a switch that stops the updates. */
export function Page({ title, live, children }: { title: ComponentChildren; live?: Live; children?: ComponentChildren }) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => heading.current?.focus({ preventScroll: true }), []);
    return (
        <>
            <div class="head">
                <h1 tabIndex={-1} ref={heading}>
                    {title}
                </h1>
                {live && (
                    <button type="button" class="quiet" aria-pressed={live.paused} onClick={() => live.pause(!live.paused)}>
                        {live.paused ? "Updates are off" : "Live"}
                    </button>
                )}
            </div>
            <Trouble problem={live?.problem} />
            {live && !live.data && !live.problem && <p class="none">Loading...</p>}
            {children}
        </>
    );
}

export function Field({ label, value, onInput, type = "text", list, required, hint, rows, options }: {
    label: string;
    value: string;
    onInput: (value: string) => void;
    type?: "text" | "password" | "datetime-local";
    list?: string[];
    required?: boolean;
    hint?: string;
    rows?: number;
    options?: string[];
}) {
    const id = useId();
    const input = (event: Event) => onInput((event.target as HTMLInputElement).value);
    const common = { id, value, onInput: input, required, "aria-describedby": hint ? id + "h" : undefined };
    return (
        <div class="field">
            <label for={id}>{label}</label>
            {options ? (
                <select {...common} onChange={input}>
                    {options.map((o) => (
                        <option value={o}>{o || "any"}</option>
                    ))}
                </select>
            ) : rows ? (
                <textarea {...common} rows={rows} spellcheck={false} />
            ) : (
                <input {...common} {...({ type, list: list && id + "l", autocomplete: type === "password" ? "current-password" : "off" } as object)} spellcheck={false} />
            )}
            {list && (
                <datalist id={id + "l"}>
                    {list.map((o) => (
                        <option value={o} />
                    ))}
                </datalist>
            )}
            {hint && (
                <small id={id + "h"} class="none">
                    {hint}
                </small>
            )}
        </div>
    );
}

const sayings = new Set<(text: string, bad: boolean) => void>();
export function say(text: string, bad = false) {
    sayings.forEach((call) => call(text, bad));
}

/** What actions came to, read out by screen readers. */
export function Sayings() {
    const [said, setSaid] = useState<{ text: string; bad: boolean } | null>(null);
    useEffect(() => {
        let timer = 0;
        const call = (text: string, bad: boolean) => {
            setSaid({ text, bad });
            clearTimeout(timer);
            timer = window.setTimeout(() => setSaid(null), bad ? 15000 : 6000);
        };
        sayings.add(call);
        return () => void sayings.delete(call);
    }, []);
    return (
        <div class="sayings" role="status" aria-live="polite">
            {said && (
                <p class={said.bad ? "trouble" : "good"}>
                    <Text of={said.text} />
                </p>
            )}
        </div>
    );
}

/** Does an action and says what came of it; true when it worked. */
export async function perform(name: string, body: string | object, what: string): Promise<Data | undefined> {
    try {
        const answer = await act(name, body);
        const outcome = answer?.outcomes ? Object.entries(answer.outcomes).map(([k, v]) => `${v} ${k}`).join(", ") : answer?.count !== undefined ? String(answer.count) : answer?.outcome;
        say(`${what}: ${typeof outcome === "object" && outcome !== null && !(outcome instanceof Exact) ? "done" : (outcome ?? "done")}`);
        return answer ?? true;
    } catch (caught) {
        const problem = caught as Problem;
        say(`${what}: ${problem.message} ${problem.hint}`, true);
        return undefined;
    }
}

/** A button that asks before it acts, with a word where one is wanted. */
export function Act({ label, what, name, body, ask, reason, danger, after }: {
    label: string;
    what: string;
    name: string;
    body: object;
    ask?: string;
    reason?: boolean;
    danger?: boolean;
    after?: () => void;
}) {
    const [open, setOpen] = useState(false);
    const [why, setWhy] = useState("");
    const [busy, setBusy] = useState(false);
    const go = async () => {
        setBusy(true);
        const done = await perform(name, reason ? { ...body, reason: why } : body, what);
        setBusy(false);
        setOpen(false);
        if (done !== undefined) after?.();
    };
    return (
        <>
            <button type="button" class={danger ? "danger" : ""} disabled={busy} onClick={() => (ask ? setOpen(true) : void go())}>
                {label}
            </button>
            {open && (
                <Dialog title={label} onClose={() => setOpen(false)}>
                    <p>
                        <Text of={ask} />
                    </p>
                    {reason && <Field label="Reason" value={why} onInput={setWhy} />}
                    <div class="buttons">
                        <button type="button" class={danger ? "danger" : "main"} disabled={busy} onClick={() => void go()}>
                            {label}
                        </button>
                        <button type="button" onClick={() => setOpen(false)}>
                            Back
                        </button>
                    </div>
                </Dialog>
            )}
        </>
    );
}

/** A button that switches something on or off; only switching it off is asked about. */
export function Switch({ of, name, ask }: { of: Data; name: string; ask: string }) {
    return <Act label={of.active ? "Switch off" : "Switch on"} name={name} what={`Switch ${of.name}`} body={{ name: of.name, active: String(!of.active) }} ask={of.active ? ask : undefined} />;
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
    const box = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const opened = document.activeElement as HTMLElement | null;
        box.current?.showModal();
        return () => opened?.focus();
    }, []);
    return (
        <dialog ref={box} aria-labelledby={id} onClose={onClose}>
            <h2 id={id}>{title}</h2>
            {children}
        </dialog>
    );
}
