// Jobs: a filter whose address can be shared, pages by key, actions on those that are chosen or on all that match.
import { useState } from "preact/hooks";
import { page, useLive, type Data } from "../api";
import { href } from "../router";
import { useMay } from "../session";
import { ago, column, Dialog, Job, number, Older, Page, perform, Search, Table, Text, text, time } from "../ui";

const states = ["", "available", "scheduled", "pending", "retryable", "running", "completed", "cancelled", "discarded"];
const finished = ["completed", "cancelled", "discarded"];

interface Bulk {
    name: string;
    label: string;
    fits: (state: string) => boolean;
    danger?: boolean;
    matching?: boolean;
}

const bulks: Bulk[] = [
    { name: "retry", label: "Retry", fits: (s) => finished.includes(s), matching: true },
    { name: "run_now", label: "Run now", fits: (s) => ["scheduled", "retryable", "available"].includes(s) },
    { name: "cancel", label: "Cancel", fits: (s) => !finished.includes(s), danger: true, matching: true },
    { name: "delete", label: "Delete", fits: () => true, danger: true, matching: true },
];

/** First how many, then the action, in steps of 10,000 until there are no more. */
function Matching({ bulk, at, onClose }: { bulk: Bulk; at: Record<string, string>; onClose: () => void }) {
    const [count, setCount] = useState<string>();
    const [busy, setBusy] = useState(false);
    const filter = { kind: at.kind, queue: at.queue, state: at.state };
    if (count === undefined) {
        setCount("");
        page("match_count", filter).then(
            (d) => setCount(Number(d.count) >= 10000 ? "10 000 or more" : String(d.count)),
            (p) => setCount(`an unknown number of (${p.message})`),
        );
    }
    const run = async () => {
        setBusy(true);
        let all = 0;
        for (;;) {
            const done = await perform(`${bulk.name}_matching`, filter, `${bulk.label}, ${all} before`);
            if (done === undefined) break;
            all += Number(done.count);
            if (Number(done.count) < 10000) break;
        }
        onClose();
    };
    return (
        <Dialog title={`${bulk.label} all that match`} onClose={onClose}>
            <p>
                This concerns <strong>{count || "..."}</strong> jobs{at.kind && <> of kind <Text of={at.kind} max={100} /></>}
                {at.queue && <> in queue <Text of={at.queue} max={100} /></>} in state {at.state}.
            </p>
            <div class="buttons">
                <button type="button" class={bulk.danger ? "danger" : "main"} disabled={busy || !count} onClick={() => void run()}>
                    {bulk.label} them
                </button>
                <button type="button" onClick={onClose}>
                    Back
                </button>
            </div>
        </Dialog>
    );
}

export function Jobs({ at }: { at: Record<string, string> }) {
    const live = useLive("jobs", at);
    const [chosen, setChosen] = useState<Set<string>>(new Set());
    const [matching, setMatching] = useState<Bulk>();
    const [sure, setSure] = useState<Bulk>();
    const may = useMay();
    const jobs: Data[] = live.data?.jobs ?? [];
    const here = jobs.filter((j) => chosen.has(String(j.job_id)));
    const toggle = (id: string) => {
        const next = new Set(chosen);
        if (!next.delete(id)) next.add(id);
        setChosen(next);
    };
    const all = jobs.length > 0 && here.length === jobs.length;
    const act = async (bulk: Bulk) => {
        const ids = here.filter((j) => bulk.fits(j.state)).map((j) => String(j.job_id));
        setSure(undefined);
        if (await perform(bulk.name, { ids }, `${bulk.label} ${ids.length} jobs`)) setChosen(new Set());
    };
    const simple = at.state && !at.tag && !at.text && !at.worker && !at.id && !at.batch;
    return (
        <Page title="Jobs" live={live}>
            <Search key={JSON.stringify({ ...at, before: "" })} place="jobs" at={at}
                fields={[["state", "State", states], ["kind", "Kind"], ["queue", "Queue"], ["tag", "Tag"], ["text", "Text in args"], ["worker", "Worker"], ["id", "Id"]]} />
            <div class="buttons">
                {may.produce && (
                    <a class="button" href={href("enqueue")}>
                        Enqueue a job
                    </a>
                )}
                {may.operate &&
                    here.length > 0 &&
                    bulks
                        .filter((b) => here.some((j) => b.fits(j.state)))
                        .map((b) => (
                            <button type="button" class={b.danger ? "danger" : ""} onClick={() => setSure(b)}>
                                {b.label} {here.filter((j) => b.fits(j.state)).length}
                            </button>
                        ))}
                {may.operate &&
                    simple &&
                    here.length === 0 &&
                    bulks
                        .filter((b) => b.matching && b.fits(at.state!))
                        .map((b) => (
                            <button type="button" class={b.danger ? "danger" : ""} onClick={() => setMatching(b)}>
                                {b.label} all that match
                            </button>
                        ))}
            </div>
            {matching && <Matching bulk={matching} at={at} onClose={() => setMatching(undefined)} />}
            {sure && (
                <Dialog title={`${sure.label} ${here.filter((j) => sure.fits(j.state)).length} jobs`} onClose={() => setSure(undefined)}>
                    <p>Jobs {here.filter((j) => sure.fits(j.state)).map((j) => String(j.job_id)).slice(0, 20).join(", ")}</p>
                    <div class="buttons">
                        <button type="button" class={sure.danger ? "danger" : "main"} onClick={() => void act(sure)}>
                            {sure.label}
                        </button>
                        <button type="button" onClick={() => setSure(undefined)}>
                            Back
                        </button>
                    </div>
                </Dialog>
            )}
            {live.data && (
                <>
                    {live.data.searched !== null && <p class="none">Looked at {number(live.data.searched)} jobs{live.data.next !== null && "; there are more"}.</p>}
                    <JobTable
                        jobs={jobs}
                        choose={may.operate ? { chosen, toggle, all, everything: () => setChosen(all ? new Set() : new Set(jobs.map((j) => String(j.job_id)))) } : undefined}
                    />
                    <div class="buttons">
                        {at.before && (
                            <a class="button" href={href("jobs", { ...at, before: "" })}>
                                Newest
                            </a>
                        )}
                        <Older place="jobs" at={at} before={live.data.next} />
                    </div>
                </>
            )}
        </Page>
    );
}

interface Choice {
    chosen: Set<string>;
    toggle: (id: string) => void;
    all: boolean;
    everything: () => void;
}

export function JobTable({ jobs, choose }: { jobs: Data[]; choose?: Choice }) {
    return (
        <>
            {choose && jobs.length > 0 && (
                <label class="pick">
                    <input type="checkbox" checked={choose.all} onChange={choose.everything} /> Choose all on this page
                </label>
            )}
            <Table
                caption="Jobs"
                rows={jobs}
                rowKey={(j) => String(j.job_id)}
                empty="No job matches."
                columns={[
                    ...(choose
                        ? [{ name: "", show: (j: Data) => <input type="checkbox" aria-label={`Choose job ${j.job_id}`} checked={choose.chosen.has(String(j.job_id))} onChange={() => choose.toggle(String(j.job_id))} /> }]
                        : []),
                    { name: "Id", show: (j) => <Job id={j.job_id} /> },
                    column.state,
                    column.kind,
                    column.queue,
                    { name: "Attempt", right: true, show: (j) => `${j.attempt} of ${j.max_attempts}` },
                    time("Due", "run_at"),
                    { name: "Ran", right: true, show: (j) => (j.started_at ? ago(j.started_at, j.finished_at) : "-") },
                    text("Worker", "worker", 40),
                    { name: "Tags", show: (j) => <Text of={j.tags?.join(", ")} max={60} /> },
                    column.error,
                ]}
            />
        </>
    );
}
