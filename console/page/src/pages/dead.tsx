// Dead letters by kind and error.
import { useLive, type Data } from "../api";
import { href } from "../router";
import { Act, column, count, Job, number, Page, Table, Text, time, useActions } from "../ui";

export function DeadLetters({ at }: { at: Record<string, string> }) {
    const live = useLive("dead_letters", { kind: at.kind, queue: at.queue });
    const actions = useActions((g) => <Act label={`Retry the newest ${g.newest.length}`} name="retry" what="Retry" body={{ ids: g.newest.map(String) }} />);
    return (
        <Page title="Dead letters" live={live}>
            {live.data && (
                <>
                    <p class="none">
                        Of the newest {number(live.data.looked_at)} discarded jobs{at.queue && <> of queue <Text of={at.queue} max={100} /></>}.{" "}
                        <a href={href("jobs", { state: "discarded", queue: at.queue, kind: at.kind })}>As a list</a>
                    </p>
                    <Table
                        caption="Dead letters by kind and error"
                        rows={live.data.groups}
                        rowKey={(g) => g.kind + "\n" + g.sqlstate + "\n" + g.error}
                        empty="There are no dead letters."
                        columns={[
                            count("Jobs", "jobs"),
                            { name: "Kind", show: (g) => <a href={href("jobs", { state: "discarded", kind: g.kind })}><Text of={g.kind} max={80} /></a> },
                            column.error,
                            { name: "SQLSTATE", show: (g) => <code>{g.sqlstate ?? "-"}</code> },
                            time("First", "first"),
                            time("Last", "last"),
                            { name: "Newest", show: (g) => g.newest.slice(0, 3).map((id: Data, i: number) => <>{i > 0 && ", "}<Job id={id} /></>) },
                            ...actions,
                        ]}
                    />
                </>
            )}
        </Page>
    );
}
