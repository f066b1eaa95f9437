// The reasons of why() in words, with links to what they name.
import type { Data } from "../api";
import type { Value } from "../json";
import { href } from "../router";
import { Job, Json, Text, Time } from "../ui";

const words: Record<string, string> = {
    running: "It runs.",
    waiting_for_lock: "It runs, and its handler waits for a lock that other sessions hold.",
    claimed: "An executor has it, and runs other jobs of its group first.",
    locked: "An open transaction holds its row.",
    interrupted: "Its executor was terminated several times in a row; it begins again each time.",
    due_later: "Its time has not come.",
    paused: "Its queue is paused.",
    cooling_down: "Its queue cools down.",
    limit_full: "As many jobs of its queue run as may run at once.",
    rate_limited: "Its queue has started as many jobs as its rate limit allows.",
    key_busy: "Other jobs use its concurrency key.",
    sequence: "Another job of its sequence comes first.",
    dependencies: "It waits for other jobs to end.",
    unique_key: "It follows the running job that holds its unique key.",
    no_room: "A table in shared memory is full.",
    no_handler: "No handler is registered for its kind, and no outside worker has claimed it.",
    role: "The role of its handler cannot run it.",
    stopped: "This database runs no jobs: foreman.stop() was called.",
    copied: "This database is a copy of another one: foreman.start() lets it run jobs.",
    standby: "This server is a standby.",
    disabled: "foreman.enabled is off.",
    not_preloaded: "The library is not preloaded.",
    executors_busy: "All executors run something else.",
    no_worker: "Nobody is there to run it at the moment.",
    ready: "Nothing is in its way: it starts next.",
    finished: "It has ended.",
};

function Jobs({ of }: { of: Data }) {
    const list = Array.isArray(of) ? of : [];
    return (
        <>
            {list.slice(0, 20).map((job: Data, i: number) => (
                <>
                    {i > 0 && ", "}
                    <Job id={typeof job === "object" && job !== null && "job_id" in job ? job.job_id : job} />
                </>
            ))}
            {list.length > 20 && ` and ${list.length - 20} more`}
        </>
    );
}

export function Reasons({ of }: { of: Data[] }) {
    if (!of?.length) return <p class="none">No reason is known.</p>;
    return (
        <ul class="reasons">
            {of.map((r) => (
                <li>
                    <strong>{words[r.reason] ?? <Text of={r.reason} />}</strong> <code>{String(r.reason)}</code>
                    {r.until && (
                        <>
                            {" "}
                            until <Time at={r.until} />
                        </>
                    )}
                    {r.detail?.held_by && <p>They are <Jobs of={r.detail.held_by} />.</p>}
                    {r.detail?.jobs && <p>They are <Jobs of={r.detail.jobs} />.</p>}
                    {r.detail?.head !== undefined && <p>The first of the sequence is <Job id={r.detail.head} />.</p>}
                    {r.detail?.queue && r.reason !== "no_handler" && <p><a href={href("queue", { name: String(r.detail.queue) })}>Queue <Text of={r.detail.queue} max={100} /></a></p>}
                    {r.detail && Object.keys(r.detail).length > 0 && (
                        <details>
                            <summary>Detail</summary>
                            <Json of={r.detail as Value} />
                        </details>
                    )}
                </li>
            ))}
        </ul>
    );
}
