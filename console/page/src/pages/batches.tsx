// Batches, and the graph of what waits for what.
import { useLive, type Data } from "../api";
import { GraphOf } from "../graph";
import { href } from "../router";
import { number, Page, State, Table, Text, Time, Job } from "../ui";

export function Batches({ at }: { at: Record<string, string> }) {
    const live = useLive("batches", { before: at.before });
    const rows: Data[] = live.data?.batches ?? [];
    const last = rows[rows.length - 1];
    return (
        <Page title="Batches" live={live}>
            {live.data && (
                <>
                    <Table
                        caption="Batches"
                        rows={rows}
                        rowKey={(b) => String(b.batch_id)}
                        empty="There are no batches."
                        columns={[
                            { name: "Id", show: (b) => <a href={href("graph", { batch: String(b.batch_id) })}>{String(b.batch_id)}</a> },
                            { name: "Name", show: (b) => <Text of={b.name} max={100} /> },
                            { name: "Not ended", right: true, show: (b) => number(b.unfinished) },
                            { name: "Completed", right: true, show: (b) => number(b.completed) },
                            { name: "Cancelled", right: true, show: (b) => number(b.cancelled) },
                            { name: "Discarded", right: true, show: (b) => number(b.discarded) },
                            { name: "Then", show: (b) => <Text of={[b.on_success, b.on_complete, b.on_discard].filter(Boolean).join(", ") || null} max={120} /> },
                            { name: "Made", show: (b) => <Time at={b.created_at} /> },
                            { name: "Ended", show: (b) => <Time at={b.finished_at} /> },
                            { name: "Jobs", show: (b) => <a href={href("jobs", { batch: String(b.batch_id) })}>its jobs</a> },
                        ]}
                    />
                    {rows.length === 50 && <a class="button" href={href("batches", { before: String(last!.batch_id) })}>Older</a>}
                </>
            )}
        </Page>
    );
}

export function Graph({ at }: { at: Record<string, string> }) {
    const live = useLive("graph", { id: at.id, batch: at.batch });
    const nodes: Data[] = live.data?.nodes ?? [];
    const title = at.batch ? `Batch ${at.batch}` : `What job ${at.id} has to do with others`;
    return (
        <Page title={<Text of={title} max={80} />} live={live}>
            {live.data && (
                <>
                    <p class="none">
                        An arrow goes from a job to one that waits for it; those that have ended hold up nothing any more.{" "}
                        {at.batch && <a href={href("jobs", { batch: at.batch })}>As a list</a>}
                    </p>
                    <GraphOf
                        title={title}
                        nodes={nodes.map((n) => ({ id: String(n.id), text: `${n.id} ${n.kind ?? "?"}`, state: n.state ?? undefined, href: href("job", { id: String(n.id) }) }))}
                        edges={live.data.edges.map((e: Data) => ({ from: String(e.from), to: String(e.to) }))}
                    />
                    <Table
                        caption="The same as a table"
                        rows={nodes}
                        rowKey={(n) => String(n.id)}
                        columns={[
                            { name: "Job", show: (n) => <Job id={n.id} /> },
                            { name: "Kind", show: (n) => <Text of={n.kind} max={80} /> },
                            { name: "State", show: (n) => (n.state ? <State of={n.state} /> : "-") },
                            { name: "Waits for", show: (n) => live.data.edges.filter((e: Data) => String(e.to) === String(n.id)).map((e: Data) => String(e.from)).join(", ") || "-" },
                        ]}
                    />
                </>
            )}
        </Page>
    );
}
