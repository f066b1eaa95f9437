// Overview: what is wrong now, how much there is to do, what happened lately.
import { useLive, type Data } from "../api";
import { Charts } from "../chart";
import { go, href } from "../router";
import { Facts, number, Page, span, Text, Trouble } from "../ui";

const ranges = ["1h", "6h", "1d", "7d"];

/** What happened in the last hour, or in a longer time, in all queues or in one. Minutes end once a minute: it is asked for less often. */
export function Lately({ range = "1h", queue, to }: { range?: string; queue?: string; to: (range: string) => void }) {
    const live = useLive("charts", { range, queue }, { every: 10000 });
    return (
        <section aria-label="What happened lately">
            <div class="buttons" role="group" aria-label="Time range">
                {ranges.map((r) => (
                    <button type="button" class="quiet" aria-pressed={r === range} onClick={() => to(r)}>
                        {r}
                    </button>
                ))}
            </div>
            <Trouble problem={live.problem} />
            {live.data && <Charts data={live.data} />}
        </section>
    );
}

export function Overview({ at }: { at: Record<string, string> }) {
    const live = useLive("overview");
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
                    <p class="none">What is due later or waits for others is counted once a minute, and the charts show minutes that are over.</p>
                    <Lately range={at.range} to={(range) => go("overview", { range })} />
                </>
            )}
        </Page>
    );
}
