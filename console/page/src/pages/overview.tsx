// Overview: what is wrong now, how much there is to do, what happened lately.
import { useLive, type Data } from "../api";
import { Charts } from "../chart";
import { go, href } from "../router";
import { Facts, number, Page, span, Text } from "../ui";

export const ranges = ["1h", "6h", "1d", "7d"];

export function Range({ at, to }: { at: string; to: (range: string) => void }) {
    return (
        <div class="buttons" role="group" aria-label="Time range">
            {ranges.map((range) => (
                <button type="button" class="quiet" aria-pressed={range === at} onClick={() => to(range)}>
                    {range}
                </button>
            ))}
        </div>
    );
}

export function Overview({ at }: { at: Record<string, string> }) {
    const range = at.range ?? "1h";
    // Days are read over: they are asked for less often, as what health() looks at.
    const live = useLive("overview", { range }, { every: range === "1h" ? 2000 : 30000 });
    const problems: Data[] | undefined = useLive("problems", {}, { every: 10000 }).data?.problems;
    const data = live.data;
    return (
        <Page title="Overview" live={live}>
            {data && (
                <>
                    <section aria-label="What is wrong now">
                        {problems === undefined ? null : problems.length === 0 ? (
                            <p class="good">Everything is there that this database needs to run jobs.</p>
                        ) : (
                            problems.map((p: Data) => (
                                <p class="trouble">
                                    <strong>
                                        <Text of={p.name} />
                                    </strong>{" "}
                                    <Text of={p.detail} />
                                </p>
                            ))
                        )}
                    </section>
                    <Facts
                        of={[
                            ["Due", <a href={href("jobs", { state: "available" })}>{number(data.totals.available)}</a>],
                            ["Running", <a href={href("jobs", { state: "running" })}>{number(data.totals.running)}</a>],
                            ["Due later", <a href={href("jobs", { state: "scheduled" })}>{number(data.totals.scheduled)}</a>],
                            ["Wait for others", <a href={href("jobs", { state: "pending" })}>{number(data.totals.pending)}</a>],
                            ["Longest overdue", span(data.totals.oldest_s)],
                            ["Queues", <a href={href("queues")}>{`${number(data.totals.queues)}${Number(data.totals.paused) ? `, ${data.totals.paused} paused` : ""}`}</a>],
                            ["Executors", <a href={href("workers")}>{`${data.executors.busy} of ${data.executors.all} busy, ${data.executors.outside} outside`}</a>],
                        ]}
                    />
                    <Range at={range} to={(r) => go("overview", { range: r })} />
                    <Charts data={data} />
                </>
            )}
        </Page>
    );
}
