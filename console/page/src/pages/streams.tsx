// Projections, subscriptions and publishes.
import { useLive, type Data } from "../api";
import { href } from "../router";
import { useMay } from "../session";
import { Act, Job, number, Page, Queue, span, State, Table, Text, Time } from "../ui";

export function Streams() {
    const live = useLive("streams");
    const may = useMay();
    const d = live.data;
    return (
        <Page title="Streams" live={live}>
            {d && (
                <>
                    <Table caption="Projections" rows={d.projections} rowKey={(p) => p.name} empty="There are no projections."
                        columns={[
                            { name: "Name", show: (p) => <Text of={p.name} max={80} /> },
                            { name: "State", show: (p) => <State of={p.state} /> },
                            { name: "Behind", right: true, show: (p) => `${Number(p.behind_events) > 10000 ? "more than 10 000" : number(p.behind_events)} events` },
                            { name: "Oldest", right: true, show: (p) => span(p.behind_seconds) },
                            { name: "Handled", right: true, show: (p) => number(p.handled) },
                            { name: "Handler", show: (p) => <Text of={p.handler} max={80} /> },
                            { name: "Error", show: (p) => <Text of={p.error} max={200} /> },
                            { name: "Next attempt", show: (p) => <Time at={p.next_attempt_at} /> },
                            ...(may.operate
                                ? [{ name: "Actions", show: (p: Data) => p.state === "paused" || p.state === "failing"
                                    ? <Act label="Resume" name="resume_projection" what={`Resume ${p.name}`} body={{ name: p.name }} />
                                    : <Act label="Pause" name="pause_projection" what={`Pause ${p.name}`} body={{ name: p.name }} ask="It gets no events until it is resumed; none is lost." /> }]
                                : []),
                        ]} />
                    <Table caption="Subscriptions" rows={d.subscriptions} rowKey={(s) => String(s.subscription_id)} empty="Nobody subscribes."
                        columns={[
                            { name: "Name", show: (s) => <Text of={s.name} max={80} /> },
                            { name: "Topics", show: (s) => <code><Text of={s.pattern} max={80} /></code> },
                            { name: "Kind", show: (s) => <Text of={s.kind} max={80} /> },
                            { name: "Queue", show: (s) => <Queue name={s.queue} /> },
                            { name: "", show: (s) => (s.active ? <span class="state completed">on</span> : <span class="state paused">off</span>) },
                            { name: "Handler", show: (s) => (s.has_handler ? "yes" : "none") },
                            ...(may.operate
                                ? [{ name: "Actions", show: (s: Data) => <Act label={s.active ? "Switch off" : "Switch on"} name="switch_subscription" what={`Switch ${s.name}`} body={{ name: s.name, active: String(!s.active) }} ask={s.active ? "Publishes will leave a skipped delivery." : undefined} /> }]
                                : []),
                        ]} />
                    <Table caption="Newest publishes" rows={d.publishes} rowKey={(p) => String(p.publish_id)} empty="Nothing was published, or your role sees some queues only."
                        columns={[
                            { name: "Id", show: (p) => <a href={href("deliveries", { id: String(p.publish_id) })}>{String(p.publish_id)}</a> },
                            { name: "Topic", show: (p) => <Text of={p.topic} max={100} /> },
                            { name: "State", show: (p) => <State of={p.state} /> },
                            { name: "Deliveries", right: true, show: (p) => number(p.deliveries) },
                            { name: "Pending", right: true, show: (p) => number(p.pending) },
                            { name: "Retrying", right: true, show: (p) => number(p.retrying) },
                            { name: "Done", right: true, show: (p) => number(p.published) },
                            { name: "Dead", right: true, show: (p) => number(p.dead_lettered) },
                            { name: "At", show: (p) => <Time at={p.published_at} /> },
                        ]} />
                    <Table caption="Publishes that came to nobody" rows={d.unroutable} rowKey={(u) => String(u.unroutable_id)} empty="None."
                        columns={[
                            { name: "Topic", show: (u) => <Text of={u.topic} max={100} /> }, { name: "Reason", show: (u) => <Text of={u.reason} max={160} /> },
                            { name: "By", show: (u) => <Text of={u.published_by} max={80} /> }, { name: "At", show: (u) => <Time at={u.published_at} /> },
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
                        { name: "Subscription", show: (d) => <Text of={d.subscription} max={100} /> }, { name: "State", show: (d) => <State of={d.state} /> }, { name: "Kind", show: (d) => <Text of={d.kind} max={80} /> },
                        { name: "Queue", show: (d) => <Queue name={d.queue} /> }, { name: "Job", show: (d) => <Job id={d.job_id} /> }, { name: "Attempt", show: (d) => `${d.attempt ?? "-"} of ${d.max_attempts ?? "-"}` },
                        { name: "Next attempt", show: (d) => <Time at={d.next_attempt_at} /> }, { name: "Error", show: (d) => <Text of={d.error} max={200} /> },
                    ]} />
            )}
        </Page>
    );
}
