// What runs by the clock: schedules with their runs, and timers.
import { useLive, type Data } from "../api";
import { href } from "../router";
import { useMay } from "../session";
import { Act, column, count, Job, Older, OnOff, Page, Search, Switch, Table, Text, text, Time, time, Trouble, useActions } from "../ui";

function Runs({ name }: { name?: string }) {
    const live = useLive("schedule_runs", { name });
    return (
        <Table
            caption={name ? `Runs of ${name}` : "Newest runs"}
            rows={live.data?.runs}
            rowKey={(r) => String(r.run_id)}
            empty="No runs."
            columns={[
                { name: "Occurrence", show: (r) => (r.scheduled_at ? <Time at={r.scheduled_at} /> : "by hand") },
                text("Schedule", "name", 80),
                column.state,
                column.job,
                time("Started", "started_at"),
                time("Ended", "finished_at"),
                text("Said", "message", 160),
            ]}
        />
    );
}

export function Schedules({ at }: { at: Record<string, string> }) {
    const live = useLive("schedules");
    const actions = useActions(
        (s) =>
            s.name !== null && (
                <div class="buttons">
                    <Act label="Run now" name="run_schedule" what={`Run ${s.name}`} body={{ name: s.name }} />
                    <Switch of={s} name="switch_schedule" ask="It will make no jobs until it is switched on." />
                </div>
            ),
    );
    return (
        <Page title="Schedules" live={live}>
            {live.data && (
                <Table
                    caption="Schedules"
                    rows={live.data.schedules}
                    rowKey={(s) => String(s.schedule_id)}
                    empty="There are no schedules."
                    columns={[
                        { name: "Name", show: (s) => (s.name === null ? "-" : <a href={href("schedules", { name: s.name })}><Text of={s.name} max={80} /></a>) },
                        { name: "When", show: (s) => <><code><Text of={s.schedule} max={80} /></code> <Text of={s.timezone} max={40} /></> },
                        { name: "Runs", show: (s) => <Text of={s.kind ?? s.command} max={120} /> },
                        column.queue,
                        { name: "", show: (s) => <><OnOff on={s.active} /> {!s.active && s.error && <Text of={s.error} max={120} />}</> },
                        { name: "Next", show: (s) => <Time at={s.active ? s.next_fire_at : null} /> },
                        time("Last", "last_fired_at"),
                        { name: "Last job", show: (s) => <Job id={s.last_job_id} /> },
                        count("Skipped", "skipped"),
                        ...actions,
                    ]}
                />
            )}
            {at.name && <a href={href("schedules")}>Runs of all schedules</a>}
            <Runs name={at.name} />
        </Page>
    );
}

/** Timers that failed for good; whoever may not fire one again sees them among the dead letters. */
function DeadTimers({ at }: { at: Record<string, string> }) {
    const live = useLive("timer_dead_letters", { kind: at.kind, before: at.before });
    const rows: Data[] = live.data?.timers ?? [];
    const actions = useActions((t) => <Act label="Fire again" name="retry_timer" what={`Fire timer ${t.key} again`} body={{ id: String(t.job_id) }} />);
    return (
        <>
            <Trouble problem={live.problem} />
            <Table
                caption="Timers that failed for good"
                rows={live.data && rows}
                rowKey={(t) => String(t.job_id)}
                empty="No timer has failed for good."
                columns={[
                    time("Was due", "fire_at"),
                    column.kind,
                    text("Key", "key"),
                    column.queue,
                    { name: "Attempt", right: true, show: (t) => `${t.attempt} of ${t.max_attempts}` },
                    time("Failed", "discarded_at"),
                    column.job,
                    column.error,
                    ...actions,
                ]}
            />
            <Older place="timers" at={at} before={live.data?.next} />
        </>
    );
}

export function Timers({ at }: { at: Record<string, string> }) {
    const live = useLive("timers", { kind: at.kind, key: at.key });
    const may = useMay();
    const actions = useActions((t) => (
        <div class="buttons">
            <Act label="Fire now" name="run_now" what="Fire timer" body={{ ids: [String(t.job_id)] }} />
            <Act label="Cancel" danger name="cancel" what="Cancel timer" body={{ ids: [String(t.job_id)] }} ask="The timer will not fire." />
        </div>
    ));
    return (
        <Page title="Timers" live={live}>
            <Search key={JSON.stringify(at)} place="timers" at={at} fields={[["kind", "Kind"], ["key", "Key"]]} />
            {live.data && (
                <>
                    {live.data.timers.length === 200 && <p class="none">These are 200 of them: give a kind and a key to find others.</p>}
                    <Table
                        caption="Timers"
                        rows={live.data.timers}
                        rowKey={(t) => String(t.job_id)}
                        empty="No timer is set."
                        columns={[
                            time("Fires", "fire_at"),
                            column.kind,
                            text("Key", "key"),
                            column.state,
                            column.queue,
                            { name: "Attempt", right: true, show: (t) => `${t.attempt} of ${t.max_attempts}` },
                            time("Set", "set_at"),
                            column.job,
                            column.error,
                            ...actions,
                        ]}
                    />
                </>
            )}
            {may.operate ? <DeadTimers at={at} /> : <p><a href={href("dead", { kind: at.kind })}>Timers that failed for good are among the dead letters</a>.</p>}
        </Page>
    );
}
