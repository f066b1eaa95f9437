// Workflows: their types with counters, the newest ones, and one of them with its history, state and actions.
import { useEffect, useState } from "preact/hooks";
import { page, Problem, useLive, type Data } from "../api";
import { GraphOf, type Edge } from "../graph";
import type { Value } from "../json";
import { go, href } from "../router";
import { useMay } from "../session";
import { Act, column, count, Dialog, Facts, Field, Job, Json, Older, Page, perform, Queue, say, Search, State, Table, Text, text, Time, time, Trouble } from "../ui";
import { Reasons } from "./why";

const states = ["", "running", "completed", "cancelled", "terminated", "failed", "continued"];
const link = (type: string, id: string) => (
    <a href={href("workflow", { type, id })}>
        <Text of={id} max={80} />
    </a>
);

export function Workflows({ at }: { at: Record<string, string> }) {
    const live = useLive("workflows", at);
    return (
        <Page title="Workflows" live={live}>
            <Search key={JSON.stringify(at)} place="workflows" at={at} fields={[["type", "Type"], ["id", "Id"], ["state", "State", states]]} />
            {live.data && (
                <>
                    <Table
                        caption="Workflows"
                        rows={live.data.workflows}
                        rowKey={(w) => String(w.instance)}
                        empty="No workflow matches."
                        columns={[
                            text("Type", "workflow_type", 80),
                            { name: "Id", show: (w) => link(w.workflow_type, w.workflow_id) },
                            { name: "State", show: (w) => <><State of={w.state} />{w.parked && <span class="state paused">parked</span>}</> },
                            count("Events", "sequence"),
                            time("Begun", "started_at"),
                            time("Last event", "last_event_at"),
                            time("Ended", "ended_at"),
                            text("Reason", "reason"),
                        ]}
                    />
                    <Older place="workflows" at={at} before={live.data.next} />
                    <Table
                        caption="Types"
                        rows={live.data.types}
                        rowKey={(t) => t.workflow_type}
                        empty="No type of workflows is defined."
                        columns={[
                            { name: "Type", show: (t) => <a href={href("type", { type: t.workflow_type })}><Text of={t.workflow_type} max={80} /></a> },
                            count("Running", "running"),
                            count("Parked", "parked"),
                            count("Inputs waiting", "pending_inputs"),
                            count("Completed", "completed"),
                            count("Failed", "failed"),
                            count("Events", "events"),
                        ]}
                    />
                </>
            )}
        </Page>
    );
}

/** The flowchart that foreman.workflow_graph() writes, read as nodes and edges. */
function flowchart(text: string): { nodes: { id: string; text: string }[]; edges: Edge[] } {
    const nodes = new Map<string, string>();
    const edges: Edge[] = [];
    const end = (part: string): string => {
        const found = /^\s*([\w.-]+)\s*(?:[[({]+"?(.*?)"?[\])}]+)?\s*$/.exec(part);
        const id = found?.[1] ?? part.trim();
        if (found?.[2] !== undefined || !nodes.has(id)) nodes.set(id, found?.[2] ?? nodes.get(id) ?? id);
        return id;
    };
    for (const line of text.split("\n").slice(1)) {
        const arrow = /^(.*?)\s*-->\s*(?:\|"?(.*?)"?\|)?\s*(.*)$/.exec(line);
        if (arrow) edges.push({ from: end(arrow[1]!), text: arrow[2], to: end(arrow[3]!) });
        else if (line.trim()) end(line);
    }
    return { nodes: [...nodes].map(([id, label]) => ({ id, text: label })), edges };
}

export function TypeGraph({ at }: { at: Record<string, string> }) {
    const live = useLive("workflow_graph", { type: at.type }, { still: true });
    const graph = live.data ? flowchart(String(live.data.text)) : undefined;
    return (
        <Page title={<>Type <Text of={at.type} max={80} /></>} live={live}>
            <p class="none">Which events followed one another, and how often, in the newest 1000 workflows of the type. <a href={href("workflows", { type: at.type })}>Its workflows</a></p>
            {graph && <GraphOf title="Events of the type" nodes={graph.nodes} edges={graph.edges} />}
        </Page>
    );
}

function StateAt({ type, id, sequence }: { type: string; id: string; sequence: number }) {
    const [at, setAt] = useState(sequence);
    const [state, setState] = useState<{ state: Value; bytes: unknown }>();
    const [problem, setProblem] = useState<Problem>();
    useEffect(() => setAt(sequence), [sequence]);
    useEffect(() => {
        let over = false;
        page("workflow_state", { type, id, at: String(at) }).then(
            (s) => !over && (setState(s), setProblem(undefined)),
            (p) => !over && setProblem(p),
        );
        return () => void (over = true);
    }, [at]);
    return (
        <section>
            <h2>State</h2>
            <label class="pick">
                After event{" "}
                <input type="range" min={1} max={Math.max(sequence, 1)} value={at} onInput={(e) => setAt(Number((e.target as HTMLInputElement).value))} /> {at} of {sequence}
            </label>
            <Trouble problem={problem} />
            {!problem && state && <Json of={state.state} bytes={state.bytes} />}
        </section>
    );
}

function Ask({ title, fields, send, onClose }: { title: string; fields: [string, string, string?][]; send: (values: Record<string, string>) => Promise<boolean>; onClose: () => void }) {
    const [values, setValues] = useState<Record<string, string>>(Object.fromEntries(fields.map(([n, , start]) => [n, start ?? ""])));
    return (
        <Dialog title={title} onClose={onClose}>
            <form onSubmit={async (e) => (e.preventDefault(), (await send(values)) && onClose())}>
                {fields.map(([name, label]) => (
                    <Field label={label} rows={name === "input" ? 6 : undefined} value={values[name] ?? ""} onInput={(v) => setValues({ ...values, [name]: v })} />
                ))}
                <div class="buttons">
                    <button type="submit" class="main">{title}</button>
                    <button type="button" onClick={onClose}>Back</button>
                </div>
            </form>
        </Dialog>
    );
}

function Buttons({ w }: { w: Data }) {
    const [asking, setAsking] = useState<"signal" | "fork">();
    const may = useMay();
    if (!may.operate && !may.produce) return null;
    const body = { type: w.workflow_type, id: w.workflow_id };
    const signal = async (v: Record<string, string>) => {
        try {
            JSON.parse(v.input ?? "");
        } catch {
            say("The input is no JSON.", true);
            return false;
        }
        return Boolean(await perform("signal_workflow", JSON.stringify(body).slice(0, -1) + `,"input":${v.input}}`, "Signal"));
    };
    const fork = async (v: Record<string, string>) => {
        const done = await perform("fork_workflow", { ...body, ...v }, "Fork");
        if (done) go("workflow", { type: w.workflow_type, id: v.new_id });
        return Boolean(done);
    };
    const runs = w.state === "running";
    return (
        <div class="buttons">
            {may.produce && runs && <button type="button" onClick={() => setAsking("signal")}>Signal</button>}
            {may.operate && (
                <>
                    {runs && <Act label="Cancel" danger reason name="cancel_workflow" what="Cancel" body={body} ask="The workflow is asked to end; what it did is undone where it says how." />}
                    {runs && <Act label="Terminate" danger reason name="terminate_workflow" what="Terminate" body={body} ask="The workflow ends at once; nothing is undone." />}
                    {w.state === "failed" && <Act label="Retry" reason name="retry_workflow" what="Retry" body={body} ask="It goes on where it failed." />}
                    {w.parked && <Act label="Resume" reason name="resume_workflow" what="Resume" body={body} ask="Workers of any version may have it again." />}
                    <button type="button" onClick={() => setAsking("fork")}>Fork</button>
                </>
            )}
            {asking === "signal" && <Ask title="Signal" fields={[["input", "Input, as JSON", '{"type": ""}']]} send={signal} onClose={() => setAsking(undefined)} />}
            {asking === "fork" && <Ask title="Fork" fields={[["at", "After event", String(w.sequence)], ["new_id", "New id"], ["reason", "Reason"]]} send={fork} onClose={() => setAsking(undefined)} />}
        </div>
    );
}

export function WorkflowPage({ at }: { at: Record<string, string> }) {
    const live = useLive("workflow", { type: at.type, id: at.id, after: at.after });
    const may = useMay();
    const d = live.data;
    const w = d?.workflow;
    const last = d?.events[d.events.length - 1];
    return (
        <Page title={<><Text of={at.type} max={60} /> <Text of={at.id} max={80} /></>} live={live}>
            {w && (
                <>
                    <p class="lead"><State of={w.state} /> {w.parked && <span class="state paused">parked</span>} in queue <Queue name={w.queue} /></p>
                    <Buttons w={w} />
                    {w.reason && <p class="trouble"><Text of={w.reason} /></p>}
                    <section><h2>What it waits for</h2><Reasons of={d.why} /></section>
                    <section>
                        <h2>History</h2>
                        <ol class="timeline">
                            {d.events.map((e: Data) => (
                                <li>
                                    <span class="none">{String(e.sequence)}</span> <Time at={e.recorded_at} /> <strong><Text of={e.event_type} max={100} /></strong>
                                    {(e.data !== null || e.data_bytes) && <details><summary>Data</summary><Json of={e.data} bytes={e.data_bytes} /></details>}
                                </li>
                            ))}
                        </ol>
                        <div class="buttons">
                            {at.after && <a class="button" href={href("workflow", { type: at.type, id: at.id })}>First events</a>}
                            {d.events.length === 200 && <a class="button" href={href("workflow", { type: at.type, id: at.id, after: String(last.sequence) })}>Later events</a>}
                        </div>
                    </section>
                    {may.produce || may.operate ? Number(w.sequence) > 0 && <StateAt type={w.workflow_type} id={w.workflow_id} sequence={Number(w.sequence)} /> : null}
                    <Table caption="Effects" rows={d.effects} rowKey={(e) => e.key + e.decided_at} empty="No effects."
                        columns={[
                            text("Key", "key", 80), column.kind, column.state,
                            column.job, { name: "Undone by", show: (e) => <Job id={e.undo_job_id} /> }, time("Decided", "decided_at"),
                            time("Ended", "ended_at"), column.error,
                        ]} />
                    <Table caption="Inputs" rows={d.inputs} rowKey={(e) => String(e.input)} empty="No input waits or is kept."
                        columns={[
                            { name: "Number", show: (e) => String(e.input) }, { name: "From", show: (e) => e.source }, column.state, time("Came", "received_at"),
                            time("Handled", "handled_at"), text("Rejected since", "rejection", 160), column.job,
                        ]} />
                    {d.children.length > 0 && <Table caption="Children" rows={d.children} rowKey={(c) => c.child_type + c.child_id}
                        columns={[text("Type", "child_type", 80), { name: "Id", show: (c) => link(c.child_type, c.child_id) }, column.state]} />}
                    <Facts of={[
                        ["Begun", <Time at={w.started_at} />], ["Last event", <Time at={w.last_event_at} />], ["Ended", <Time at={w.ended_at} />], ["Runs as", <Text of={w.run_as} max={80} />],
                        ["Parent", w.parent ? link(w.parent.workflow_type, w.parent.workflow_id) : "-"], ["Unique key", <Text of={w.unique_key} max={120} />], ["Version of workers", <Text of={w.worker_version} max={80} />],
                    ]} />
                    {w.search !== null && Object.keys(w.search).length > 0 && <section><h2>Search attributes</h2><Json of={w.search} /></section>}
                </>
            )}
        </Page>
    );
}
