// Batches, and the graph of what waits for what.
import { useLive, type Data } from "../api";
import { GraphOf } from "../graph";
import { href } from "../router";
import { column, count, Job, Older, Page, Table, Text, text, time } from "../ui";

export function Batches({ at }: { at: Record<string, string> }) {
    const live = useLive("batches", { before: at.before });
    const rows: Data[] = live.data?.batches ?? [];
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
                            text("Name", "name", 100),
                            count("Not ended", "unfinished"),
                            count("Completed", "completed"),
                            count("Cancelled", "cancelled"),
                            count("Discarded", "discarded"),
                            { name: "Then", show: (b) => <Text of={[b.on_success, b.on_complete, b.on_discard].filter(Boolean).join(", ") || null} max={120} /> },
                            time("Made", "created_at"),
                            time("Ended", "finished_at"),
                            { name: "Jobs", show: (b) => <a href={href("jobs", { batch: String(b.batch_id) })}>its jobs</a> },
                        ]}
                    />
                    <Older place="batches" before={rows.length === 50 ? rows[49]!.batch_id : null} />
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
                            column.kind,
                            column.state,
                            { name: "Waits for", show: (n) => live.data.edges.filter((e: Data) => String(e.to) === String(n.id)).map((e: Data) => String(e.from)).join(", ") || "-" },
                        ]}
                    />
                </>
            )}
        </Page>
    );
}
