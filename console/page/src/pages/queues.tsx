// All queues, and one of them: depth, oldest job, limits, cool-down, pause.
import { useState } from "preact/hooks";
import { useLive, type Data } from "../api";
import { go, href } from "../router";
import { useMay } from "../session";
import { Act, column, count, Dialog, Facts, Field, number, Page, perform, span, Table, Text, Time } from "../ui";
import { Lately } from "./overview";

function Status({ of }: { of: Data }) {
    return (
        <>
            {of.paused && <span class="state paused">paused</span>}
            {of.throttled_until && Date.parse(of.throttled_until) > Date.now() && (
                <span class="state retryable">
                    cools down until <Time at={of.throttled_until} />
                </span>
            )}
            {!of.counted && <span class="state">being counted</span>}
        </>
    );
}

function Pause({ queue }: { queue: Data }) {
    if (!useMay().operate) return null;
    return queue.paused ? (
        <Act label="Resume" name="resume_queue" what="Resume queue" body={{ name: queue.queue }} />
    ) : (
        <Act label="Pause" name="pause_queue" what="Pause queue" body={{ name: queue.queue }} ask={`Nothing of queue ${queue.queue} will start until it is resumed. What runs goes on.`} />
    );
}

export function Queues() {
    const live = useLive("queues");
    return (
        <Page title="Queues" live={live}>
            {live.data && (
                <Table
                    caption="Queues"
                    rows={live.data.queues}
                    rowKey={(q) => q.queue}
                    empty="No queue is declared and no job waits."
                    columns={[
                        column.queue,
                        { name: "", show: (q) => <Status of={q} /> },
                        count("Due", "available"),
                        count("Running", "running"),
                        count("Later", "scheduled"),
                        count("Wait for others", "pending"),
                        { name: "Longest overdue", right: true, show: (q) => span(q.oldest_s) },
                        count("Most at once", "max_running"),
                        count("Completed", "completed"),
                        count("Discarded", "discarded"),
                        { name: "Actions", show: (q) => <Pause queue={q} /> },
                    ]}
                />
            )}
        </Page>
    );
}

const limits: [string, string, string][] = [
    ["max_running", "Most jobs at once", "empty: no limit"],
    ["max_running_per_key", "Most jobs at once with the same concurrency key", "empty: 1"],
    ["rate_limit", "Jobs that may start in the period", "empty: no limit"],
    ["rate_period", "Period, as 1 min", "empty: a second"],
    ["priority", "Priority of jobs that give none", "-100 is first, 100 last"],
];

function Limits({ queue, onClose }: { queue: Data; onClose: () => void }) {
    const start = Object.fromEntries(limits.map(([key]) => [key, queue[key] === null ? "" : String(queue[key])]));
    const [values, setValues] = useState<Record<string, string>>(start);
    const save = async (event: Event) => {
        event.preventDefault();
        const changed = limits.map(([key]) => key).filter((key) => values[key] !== start[key]);
        const body: Data = { name: queue.queue, reset: changed.filter((key) => values[key] === "") };
        for (const key of changed) if (values[key] !== "") body[key] = values[key];
        if (changed.length === 0 || (await perform("alter_queue", body, "Change limits"))) onClose();
    };
    return (
        <Dialog title={`Limits of queue ${queue.queue}`} onClose={onClose}>
            <form onSubmit={save}>
                {limits.map(([key, label, hint]) => (
                    <Field label={label} hint={hint} value={values[key] ?? ""} onInput={(v) => setValues({ ...values, [key]: v.trim() })} />
                ))}
                <div class="buttons">
                    <button type="submit" class="main">
                        Change
                    </button>
                    <button type="button" onClick={onClose}>
                        Back
                    </button>
                </div>
            </form>
        </Dialog>
    );
}

export function QueuePage({ at }: { at: Record<string, string> }) {
    const live = useLive("queue", { name: at.name });
    const [editing, setEditing] = useState(false);
    const may = useMay();
    const q = live.data?.queue;
    return (
        <Page
            live={live}
            title={
                <>
                    Queue <Text of={at.name} max={100} />
                </>
            }
        >
            {q && (
                <>
                    <p>
                        <Status of={q} />
                    </p>
                    <div class="buttons">
                        <Pause queue={q} />
                        {may.operate && q.declared && (
                            <button type="button" onClick={() => setEditing(true)}>
                                Change limits
                            </button>
                        )}
                        <a class="button" href={href("jobs", { queue: q.queue })}>
                            Its jobs
                        </a>
                        <a class="button" href={href("dead", { queue: q.queue })}>
                            Its dead letters
                        </a>
                    </div>
                    {may.operate && !q.declared && <p class="none">This queue is not declared: foreman.create_queue() gives it limits.</p>}
                    {editing && <Limits queue={q} onClose={() => setEditing(false)} />}
                    <Facts
                        of={[
                            ["Due", number(q.available)],
                            ["Running", number(q.running)],
                            ["Due later", number(q.scheduled)],
                            ["Wait for others", number(q.pending)],
                            ["Longest overdue", span(q.oldest_s)],
                            ["Completed since the start", number(q.completed)],
                            ["Failed attempts", number(q.failed)],
                            ["Discarded", number(q.discarded)],
                            ["Most at once", number(q.max_running)],
                            ["Per key", number(q.max_running_per_key)],
                            ["Rate limit", q.rate_limit === null ? "-" : `${number(q.rate_limit)} in ${q.rate_period ?? "1 s"}`],
                            ["Priority", number(q.priority)],
                            ["Sequence policy", <Text of={q.sequence_policy} />],
                            ["Keeps completed", <Text of={q.retain_completed} />],
                            ["Keeps dead letters", <Text of={q.retain_discarded} />],
                        ]}
                    />
                    <Lately range={at.range} queue={q.queue} to={(range) => go("queue", { name: at.name, range })} />
                </>
            )}
        </Page>
    );
}
