// Workers with what they run, leases, and the health of the whole.
import { useLive, type Data } from "../api";
import { useMay } from "../session";
import { Act, ago, Job, number, Page, Queue, State, Table, Text, Time } from "../ui";

export function Workers() {
    const live = useLive("workers");
    const may = useMay();
    const workers: Data[] = live.data?.workers ?? [];
    return (
        <Page title="Workers" live={live}>
            {live.data && (
                <>
                    <Table caption="Executors" rows={workers.filter((w) => w.worker_id === null)} rowKey={(w) => `${w.slot} ${w.pid}`} empty="No executor runs now; they start when there are jobs."
                        columns={[
                            { name: "Process", show: (w) => <Text of={w.pid} /> },
                            { name: "Role", show: (w) => <Text of={w.role} max={80} /> },
                            { name: "State", show: (w) => <State of={w.state} /> },
                            { name: "For", right: true, show: (w) => ago(w.since) },
                            { name: "Job", show: (w) => <Job id={w.job_id} /> },
                            { name: "Kind", show: (w) => <Text of={w.kind} max={80} /> },
                            { name: "Queue", show: (w) => <Queue name={w.queue} /> },
                            { name: "Progress", show: (w) => (w.progress === null ? "-" : `${Math.round(Number(w.progress) * 100)} %`) },
                            { name: "Says", show: (w) => <Text of={w.progress_note} max={120} /> },
                            { name: "Jobs done", right: true, show: (w) => number(w.jobs_done) },
                        ]} />
                    <Table caption="Outside workers" rows={workers.filter((w) => w.worker_id !== null)} rowKey={(w) => w.worker_id} empty="No outside worker was heard of lately."
                        columns={[
                            { name: "Name", show: (w) => <Text of={w.worker_id} max={80} /> }, { name: "Calls itself", show: (w) => <Text of={w.label} max={120} /> },
                            { name: "Last seen", show: (w) => <Time at={w.last_seen} /> }, { name: "Queues", show: (w) => <Text of={w.queues?.join(", ")} max={120} /> },
                        ]} />
                    <Table caption="Leases" rows={live.data.leases} rowKey={(l) => String(l.job_id)} empty="No job is leased."
                        columns={[
                            { name: "Job", show: (l) => <Job id={l.job_id} /> }, { name: "Kind", show: (l) => <Text of={l.kind} max={80} /> }, { name: "Queue", show: (l) => <Queue name={l.queue} /> },
                            { name: "Worker", show: (l) => <Text of={l.worker} max={80} /> }, { name: "Since", show: (l) => <Time at={l.started_at} /> }, { name: "Until", show: (l) => <Time at={l.leased_until} /> },
                            { name: "Says", show: (l) => <Text of={l.note} max={120} /> },
                            ...(may.operate ? [{ name: "Actions", show: (l: Data) => <Act label="Take back" name="release_lease" what={`Take job ${l.job_id} back`} body={{ id: String(l.job_id) }} ask="The job is taken from its worker, and is due again." /> }] : []),
                        ]} />
                </>
            )}
        </Page>
    );
}

export function Health() {
    const live = useLive("health", {}, { every: 10000 });
    const d = live.data;
    return (
        <Page title="Health" live={live}>
            {d && (
                <>
                    <Table caption="What this database needs to run jobs" rows={d.health} rowKey={(h) => h.name} mark={(h) => (h.ok ? "" : "bad")}
                        columns={[
                            { name: "What", show: (h) => <Text of={h.name} /> }, { name: "", show: (h) => (h.ok ? <span class="state completed">good</span> : <span class="state discarded">wrong</span>) },
                            { name: "Detail", show: (h) => <Text of={h.detail} /> },
                        ]} />
                    <Table caption="Settings" rows={d.settings} rowKey={(s) => s.name}
                        columns={[
                            { name: "Name", show: (s) => <code>{s.name}</code> }, { name: "Value", show: (s) => <><Text of={s.setting} max={100} /> {s.unit}</> },
                            { name: "From", show: (s) => <Text of={s.changed ? s.source : "default"} /> }, { name: "", show: (s) => s.restart && <span class="state paused">needs a restart</span> }, { name: "What it is", show: (s) => <Text of={s.text} max={300} /> },
                        ]} />
                    <Table caption="Metrics" rows={d.metrics} rowKey={(m) => m.name + JSON.stringify(m.labels)}
                        columns={[
                            { name: "Name", show: (m) => <code>{m.name}</code> }, { name: "Labels", show: (m) => <Text of={Object.entries(m.labels ?? {}).map(([k, v]) => `${k}=${v}`).join(" ") || null} max={120} /> },
                            { name: "Value", right: true, show: (m) => number(m.value) },
                        ]} />
                </>
            )}
        </Page>
    );
}
