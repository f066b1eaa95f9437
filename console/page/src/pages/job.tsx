// One job: its state, why it does not run, its attempts as a timeline, args, result, what it waits for.
import { useState } from "preact/hooks";
import { useLive, type Data } from "../api";
import { href } from "../router";
import { useMay } from "../session";
import { Act, ago, column, Dialog, Facts, Field, Job, Json, number, Page, perform, Queue, State, Table, Text, Time } from "../ui";
import { Reasons } from "./why";

const finished = ["completed", "cancelled", "discarded"];

function Reschedule({ id, onClose }: { id: string; onClose: () => void }) {
    const [at, setAt] = useState("");
    const [priority, setPriority] = useState("");
    const save = async (event: Event) => {
        event.preventDefault();
        const run_at = at ? new Date(at).toISOString() : "";
        if (await perform("reschedule", { ids: [id], run_at, priority }, "Reschedule")) onClose();
    };
    return (
        <Dialog title={`Reschedule job ${id}`} onClose={onClose}>
            <form onSubmit={save}>
                <Field label="When, in your time zone" type="datetime-local" value={at} onInput={setAt} />
                <Field label="Priority" hint="-100 is first, 100 last; empty: as it is" value={priority} onInput={setPriority} />
                <div class="buttons">
                    <button type="submit" class="main" disabled={!at && !priority}>
                        Reschedule
                    </button>
                    <button type="button" onClick={onClose}>
                        Back
                    </button>
                </div>
            </form>
        </Dialog>
    );
}

function Buttons({ job }: { job: Data }) {
    const [later, setLater] = useState(false);
    if (!useMay().operate) return null;
    const id = String(job.job_id);
    const ids = { ids: [id] };
    const over = finished.includes(job.state);
    return (
        <div class="buttons">
            {over && <Act label="Retry" name="retry" what={`Retry job ${id}`} body={ids} />}
            {!over && job.state !== "running" && <Act label="Run now" name="run_now" what={`Run job ${id} now`} body={ids} />}
            {!over && job.state !== "running" && (
                <button type="button" onClick={() => setLater(true)}>
                    Reschedule
                </button>
            )}
            {!over && <Act label="Cancel" danger reason name="cancel" what={`Cancel job ${id}`} body={ids} ask={job.state === "running" ? "The job runs: it is interrupted." : "The job will not run."} />}
            {job.worker_id && job.state === "running" && (
                <Act label="Take back" name="release_lease" what={`Take job ${id} back`} body={{ id }} ask="The job is taken from the outside worker that holds it, and is due again." />
            )}
            <Act label="Delete" danger name="delete" what={`Delete job ${id}`} body={ids} ask="The job and what is known of it go away. This cannot be undone." />
            {later && <Reschedule id={id} onClose={() => setLater(false)} />}
        </div>
    );
}

function Timeline({ events, errors }: { events: Data[]; errors: Data[] | null }) {
    if (!events.length) return <p class="none">Nothing is recorded.</p>;
    return (
        <ol class="timeline">
            {events.map((e, i) => {
                const error = e.event === "failed" || e.event === "discarded" ? errors?.find((x) => String(x.attempt) === String(e.attempt)) : undefined;
                return (
                    <li class={/^[a-z_]+$/.test(e.event) ? e.event : ""}>
                        <Time at={e.at} /> <strong>{e.event}</strong>
                        {e.attempt !== null && ` attempt ${e.attempt}`}
                        {i > 0 && <span class="none"> after {ago(events[i - 1]!.at, e.at)}</span>}
                        {error && (
                            <div class="error">
                                <code>{error.sqlstate}</code> <Text of={error.message} max={4000} />
                                {error.detail && <p><Text of={error.detail} /></p>}
                                {error.hint && <p><Text of={error.hint} /></p>}
                                {error.context && (
                                    <details>
                                        <summary>Context</summary>
                                        <pre><Text of={error.context} max={8000} /></pre>
                                    </details>
                                )}
                            </div>
                        )}
                    </li>
                );
            })}
        </ol>
    );
}

export function JobPage({ at }: { at: Record<string, string> }) {
    const live = useLive("job", { id: at.id });
    const d = live.data;
    const j = d?.job;
    return (
        <Page title={<>Job <Text of={at.id} max={20} /></>} live={live}>
            {j && (
                <>
                    <p class="lead">
                        <State of={j.state} /> <Text of={j.kind} max={200} /> in queue <Queue name={j.queue} />
                    </p>
                    <Buttons job={j} />
                    {j.progress !== null && (
                        <p>
                            <progress max={1} value={Number(j.progress)} aria-label="Progress" /> {Math.round(Number(j.progress) * 100)} % <Text of={j.progress_note} max={300} />
                        </p>
                    )}
                    {!finished.includes(j.state) && (
                        <section>
                            <h2>{j.state === "running" ? "What it does" : "Why it does not run"}</h2>
                            <Reasons of={d.why} />
                        </section>
                    )}
                    {j.reason && <p class="trouble"><Text of={j.reason} /></p>}
                    <section>
                        <h2>Attempts</h2>
                        <Timeline events={d.events} errors={d.errors} />
                        {d.errors === null && d.errors_bytes && <p class="none">The errors take {number(d.errors_bytes)} bytes: too large to show here.</p>}
                    </section>
                    <Facts
                        of={[
                            ["Attempt", `${j.attempt} of ${j.max_attempts}`],
                            ["Priority", number(j.priority)],
                            ["Due", <Time at={j.run_at} />],
                            ["Enqueued", <Time at={j.enqueued_at} />],
                            ["Started", <Time at={j.started_at} />],
                            ["Ended", <Time at={j.finished_at} />],
                            ["Ran", j.started_at ? ago(j.started_at, j.finished_at) : "-"],
                            ["Expires", <Time at={j.expires_at} />],
                            ["Worker", <Text of={j.worker_id ?? j.worker_pid} max={100} />],
                            ["Leased until", <Time at={j.leased_until} />],
                            ["Tags", <Text of={j.tags?.join(", ")} max={300} />],
                            ["Unique key", <Text of={j.unique_key} max={200} />],
                            ["Concurrency key", <Text of={j.concurrency_key} max={200} />],
                            ["Sequence key", <Text of={j.sequence_key} max={200} />],
                            ["Batch", j.batch_id === null ? "-" : <a href={href("graph", { batch: String(j.batch_id) })}>{String(j.batch_id)}</a>],
                        ]}
                    />
                    {(d.waits_for.length > 0 || d.holds_up.length > 0) && (
                        <section>
                            <h2>Dependencies</h2>
                            <a class="button" href={href("graph", { id: at.id })}>As a graph</a>
                            <Table caption="It waits for" rows={d.waits_for} rowKey={(r) => String(r.depends_on)} empty="It waits for no job."
                                columns={[{ name: "Job", show: (r) => <Job id={r.depends_on} /> }, { name: "When that does not complete", show: (r) => r.on_dependency }]} />
                            <Table caption="These wait for it" rows={d.holds_up} rowKey={(r) => String(r.job_id)} empty="No job waits for it."
                                columns={[column.job]} />
                        </section>
                    )}
                    <section>
                        <h2>Args</h2>
                        <Json of={d.args} bytes={d.args_bytes} />
                        {j.state === "completed" && <><h2>Result</h2><Json of={d.result} bytes={d.result_bytes} /></>}
                        {d.metadata !== null && <><h2>Metadata</h2><Json of={d.metadata} /></>}
                    </section>
                </>
            )}
        </Page>
    );
}
