// Enqueue a job, and what runs each kind.
import { useState } from "preact/hooks";
import { useLive, type Data } from "../api";
import { parse } from "../json";
import { go, href } from "../router";
import { useMay } from "../session";
import { column, count, Field, Page, perform, say, Table, Text, text } from "../ui";

const fields: [string, string, string][] = [
    ["queue", "Queue", "empty: the handler's"],
    ["priority", "Priority", "-100 is first, 100 last"],
    ["max_attempts", "Attempts", "empty: the handler's"],
    ["unique_key", "Unique key", "no other unfinished job of the kind has it"],
    ["tags", "Tags", "with commas between them"],
];

export function Enqueue({ at }: { at: Record<string, string> }) {
    const [f, setF] = useState<Record<string, string>>({ kind: at.kind ?? "", args: "{}" });
    const live = useLive("kinds", {}, { still: true });
    const may = useMay();
    const set = (name: string) => (value: string) => setF({ ...f, [name]: value });
    const submit = async (event: Event) => {
        event.preventDefault();
        const args = (f.args ?? "").trim() || "{}";
        try {
            JSON.parse(args);
            parse(args);
        } catch {
            say("Args are no JSON.", true);
            return;
        }
        const rest: Record<string, string> = { kind: f.kind ?? "" };
        for (const [name] of fields) if (f[name]) rest[name] = f[name]!.trim();
        if (f.run_at) rest.run_at = new Date(f.run_at).toISOString();
        // The args go as they were typed: no digit of a number is lost on the way.
        const done = await perform("enqueue", JSON.stringify(rest).slice(0, -1) + `,"args":${args}}`, "Enqueue");
        if (done) go("job", { id: String(done.outcome) });
    };
    const kinds = (live.data?.handlers ?? []).map((h: Data) => String(h.kind));
    const queues = (live.data?.queues ?? []).map(String);
    return (
        <Page title="Enqueue a job">
            {!may.produce ? (
                <p class="none">Your role may not enqueue: foreman.grant_role('producer', ...) lets it.</p>
            ) : (
                <form onSubmit={submit} class="form">
                    <Field label="Kind" value={f.kind ?? ""} onInput={set("kind")} list={kinds} required />
                    <Field label="Args, as JSON" value={f.args ?? ""} onInput={set("args")} rows={8} />
                    <Field label="When, in your time zone" type="datetime-local" hint="empty: now" value={f.run_at ?? ""} onInput={set("run_at")} />
                    {fields.map(([name, label, hint]) => (
                        <Field label={label} hint={hint} value={f[name] ?? ""} onInput={set(name)} list={name === "queue" ? queues : undefined} />
                    ))}
                    <button type="submit" class="main">
                        Enqueue
                    </button>
                </form>
            )}
        </Page>
    );
}

export function Handlers() {
    const live = useLive("kinds");
    return (
        <Page title="Handlers" live={live}>
            {live.data && (
                <Table
                    caption="Handlers"
                    rows={live.data.handlers}
                    rowKey={(h) => h.kind}
                    empty="No handler is registered."
                    columns={[
                        { name: "Kind", show: (h) => <a href={href("jobs", { kind: h.kind })}><Text of={h.kind} max={100} /></a> },
                        { name: "Runs", show: (h) => <Text of={h.handler ?? h.command} max={200} /> },
                        text("As", "run_as", 80),
                        column.queue,
                        { name: "Lane", show: (h) => h.lane },
                        count("Attempts", "max_attempts"),
                        text("Time limit", "timeout"),
                    ]}
                />
            )}
        </Page>
    );
}
