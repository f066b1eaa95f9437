// Workers with what they run, leases, and the health of the whole.
import { useLive, type Data } from "../api";
import { Act, ago, column, count, Page, Table, Text, text, time, useActions } from "../ui";

export function Workers() {
    const live = useLive("workers");
    const actions = useActions((l) => <Act label="Take back" name="release_lease" what={`Take job ${l.job_id} back`} body={{ id: String(l.job_id) }} ask="The job is taken from its worker, and is due again." />);
    const workers: Data[] = live.data?.workers ?? [];
    return (
        <Page title="Workers" live={live}>
            {live.data && (
                <>
                    <Table caption="Executors" rows={workers.filter((w) => w.worker_id === null)} rowKey={(w) => `${w.slot} ${w.pid}`} empty="No executor runs now; they start when there are jobs."
                        columns={[
                            text("Process", "pid"),
                            text("Role", "role", 80),
                            column.state,
                            { name: "For", right: true, show: (w) => ago(w.since) },
                            column.job,
                            column.kind,
                            column.queue,
                            { name: "Progress", show: (w) => (w.progress === null ? "-" : `${Math.round(Number(w.progress) * 100)} %`) },
                            text("Says", "progress_note"),
                            count("Jobs done", "jobs_done"),
                        ]} />
                    <Table caption="Outside workers" rows={workers.filter((w) => w.worker_id !== null)} rowKey={(w) => w.worker_id} empty="No outside worker was heard of lately."
                        columns={[
                            text("Name", "worker_id", 80), text("Calls itself", "label"),
                            time("Last seen", "last_seen"), { name: "Queues", show: (w) => <Text of={w.queues?.join(", ")} max={120} /> },
                        ]} />
                    <Table caption="Leases" rows={live.data.leases} rowKey={(l) => String(l.job_id)} empty="No job is leased."
                        columns={[
                            column.job, column.kind, column.queue,
                            text("Worker", "worker", 80), time("Since", "started_at"), time("Until", "leased_until"),
                            text("Says", "note"),
                            ...actions,
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
                            text("What", "name"), { name: "", show: (h) => (h.ok ? <span class="state completed">good</span> : <span class="state discarded">wrong</span>) },
                            text("Detail", "detail"),
                        ]} />
                    <Table caption="Settings" rows={d.settings} rowKey={(s) => s.name}
                        columns={[
                            { name: "Name", show: (s) => <code>{s.name}</code> }, { name: "Value", show: (s) => <><Text of={s.setting} max={100} /> {s.unit}</> },
                            { name: "From", show: (s) => <Text of={s.changed ? s.source : "default"} /> }, { name: "", show: (s) => s.restart && <span class="state paused">needs a restart</span> }, text("What it is", "text", 300),
                        ]} />
                    <Table caption="Metrics" rows={d.metrics} rowKey={(m) => m.name + JSON.stringify(m.labels)}
                        columns={[
                            { name: "Name", show: (m) => <code>{m.name}</code> }, { name: "Labels", show: (m) => <Text of={Object.entries(m.labels ?? {}).map(([k, v]) => `${k}=${v}`).join(" ") || null} max={120} /> },
                            count("Value", "value"),
                        ]} />
                </>
            )}
        </Page>
    );
}
