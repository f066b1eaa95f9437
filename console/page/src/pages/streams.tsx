// Projections, subscriptions and publishes.
import { useLive } from "../api";
import { href } from "../router";
import { Act, column, count, number, Page, span, Switch, Table, Text, text, time, useActions } from "../ui";

export function Streams() {
    const live = useLive("streams");
    const projectionActions = useActions((p) =>
        p.state === "paused" || p.state === "failing" ? (
            <Act label="Resume" name="resume_projection" what={`Resume ${p.name}`} body={{ name: p.name }} />
        ) : (
            <Act label="Pause" name="pause_projection" what={`Pause ${p.name}`} body={{ name: p.name }} ask="It gets no events until it is resumed; none is lost." />
        ),
    );
    const subscriptionActions = useActions((s) => <Switch of={s} name="switch_subscription" ask="Publishes will leave a skipped delivery." />);
    const d = live.data;
    return (
        <Page title="Streams" live={live}>
            {d && (
                <>
                    <Table caption="Projections" rows={d.projections} rowKey={(p) => p.name} empty="There are no projections."
                        columns={[
                            text("Name", "name", 80),
                            column.state,
                            { name: "Behind", right: true, show: (p) => `${Number(p.behind_events) > 10000 ? "more than 10 000" : number(p.behind_events)} events` },
                            { name: "Oldest", right: true, show: (p) => span(p.behind_seconds) },
                            count("Handled", "handled"),
                            text("Handler", "handler", 80),
                            column.error,
                            time("Next attempt", "next_attempt_at"),
                            ...projectionActions,
                        ]} />
                    <Table caption="Subscriptions" rows={d.subscriptions} rowKey={(s) => String(s.subscription_id)} empty="Nobody subscribes."
                        columns={[
                            text("Name", "name", 80),
                            { name: "Topics", show: (s) => <code><Text of={s.pattern} max={80} /></code> },
                            column.kind,
                            column.queue,
                            column.active,
                            { name: "Handler", show: (s) => (s.has_handler ? "yes" : "none") },
                            ...subscriptionActions,
                        ]} />
                    <Table caption="Newest publishes" rows={d.publishes} rowKey={(p) => String(p.publish_id)} empty="Nothing was published, or your role sees some queues only."
                        columns={[
                            { name: "Id", show: (p) => <a href={href("deliveries", { id: String(p.publish_id) })}>{String(p.publish_id)}</a> },
                            text("Topic", "topic", 100),
                            column.state,
                            count("Deliveries", "deliveries"),
                            count("Pending", "pending"),
                            count("Retrying", "retrying"),
                            count("Done", "published"),
                            count("Dead", "dead_lettered"),
                            time("At", "published_at"),
                        ]} />
                    <Table caption="Publishes that came to nobody" rows={d.unroutable} rowKey={(u) => String(u.unroutable_id)} empty="None."
                        columns={[
                            text("Topic", "topic", 100), text("Reason", "reason", 160),
                            text("By", "published_by", 80), time("At", "published_at"),
                        ]} />
                </>
            )}
        </Page>
    );
}

export function Deliveries({ at }: { at: Record<string, string> }) {
    const live = useLive("deliveries", { id: at.id });
    return (
        <Page title={<>Publish <Text of={at.id} max={20} /></>} live={live}>
            {live.data && (
                <Table caption="Deliveries" rows={live.data.deliveries} rowKey={(d) => d.subscription + d.job_id} empty="No deliveries are known."
                    columns={[
                        text("Subscription", "subscription", 100), column.state, column.kind,
                        column.queue, column.job, { name: "Attempt", show: (d) => `${d.attempt ?? "-"} of ${d.max_attempts ?? "-"}` },
                        time("Next attempt", "next_attempt_at"), column.error,
                    ]} />
            )}
        </Page>
    );
}
