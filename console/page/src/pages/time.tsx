// What runs by the clock: schedules with their runs, and timers.
import { useState } from "preact/hooks";
import { useLive, type Data } from "../api";
import { go, href } from "../router";
import { useMay } from "../session";
import { Act, Field, Job, number, Page, Queue, State, Table, Text, Time } from "../ui";

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
                { name: "Schedule", show: (r) => <Text of={r.name} max={80} /> },
                { name: "State", show: (r) => <State of={r.state} /> },
                { name: "Job", show: (r) => <Job id={r.job_id} /> },
                { name: "Started", show: (r) => <Time at={r.started_at} /> },
                { name: "Ended", show: (r) => <Time at={r.finished_at} /> },
                { name: "Said", show: (r) => <Text of={r.message} max={160} /> },
            ]}
        />
    );
}

export function Schedules({ at }: { at: Record<string, string> }) {
    const live = useLive("schedules");
    const may = useMay();
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
                        { name: "Queue", show: (s) => <Queue name={s.queue} /> },
                        { name: "", show: (s) => (s.active ? <span class="state completed">on</span> : <><span class="state paused">off</span> <Text of={s.error} max={120} /></>) },
                        { name: "Next", show: (s) => <Time at={s.active ? s.next_fire_at : null} /> },
                        { name: "Last", show: (s) => <Time at={s.last_fired_at} /> },
                        { name: "Last job", show: (s) => <Job id={s.last_job_id} /> },
                        { name: "Skipped", right: true, show: (s) => number(s.skipped) },
                        ...(may.operate
                            ? [{
                                  name: "Actions",
                                  show: (s: Data) =>
                                      s.name !== null && (
                                          <div class="buttons">
                                              <Act label="Run now" name="run_schedule" what={`Run ${s.name}`} body={{ name: s.name }} />
                                              <Act label={s.active ? "Switch off" : "Switch on"} name="switch_schedule" what={`Switch ${s.name}`} body={{ name: s.name, active: String(!s.active) }} ask={s.active ? "It will make no jobs until it is switched on." : undefined} />
                                          </div>
                                      ),
                              }]
                            : []),
                    ]}
                />
            )}
            {at.name && <a href={href("schedules")}>Runs of all schedules</a>}
            <Runs name={at.name} />
        </Page>
    );
}

export function Timers({ at }: { at: Record<string, string> }) {
    const live = useLive("timers", { kind: at.kind, key: at.key });
    const [kind, setKind] = useState(at.kind ?? "");
    const [key, setKey] = useState(at.key ?? "");
    const may = useMay();
    return (
        <Page title="Timers" live={live}>
            <form class="filter" role="search" onSubmit={(e) => (e.preventDefault(), go("timers", { kind, key }))}>
                <Field label="Kind" value={kind} onInput={setKind} />
                <Field label="Key" value={key} onInput={setKey} />
                <div class="buttons"><button type="submit" class="main">Find</button></div>
            </form>
            {live.data && (
                <>
                    {live.data.timers.length === 200 && <p class="none">These are 200 of them: give a kind and a key to find others.</p>}
                    <Table
                        caption="Timers"
                        rows={live.data.timers}
                        rowKey={(t) => String(t.job_id)}
                        empty="No timer is set."
                        columns={[
                            { name: "Fires", show: (t) => <Time at={t.fire_at} /> },
                            { name: "Kind", show: (t) => <Text of={t.kind} max={80} /> },
                            { name: "Key", show: (t) => <Text of={t.key} max={120} /> },
                            { name: "State", show: (t) => <State of={t.state} /> },
                            { name: "Queue", show: (t) => <Queue name={t.queue} /> },
                            { name: "Attempt", right: true, show: (t) => `${t.attempt} of ${t.max_attempts}` },
                            { name: "Set", show: (t) => <Time at={t.set_at} /> },
                            { name: "Job", show: (t) => <Job id={t.job_id} /> },
                            { name: "Error", show: (t) => <Text of={t.error} max={120} /> },
                            ...(may.operate
                                ? [{
                                      name: "Actions",
                                      show: (t: Data) => (
                                          <div class="buttons">
                                              <Act label="Fire now" name="run_now" what="Fire timer" body={{ ids: [String(t.job_id)] }} />
                                              <Act label="Cancel" danger name="cancel" what="Cancel timer" body={{ ids: [String(t.job_id)] }} ask="The timer will not fire." />
                                          </div>
                                      ),
                                  }]
                                : []),
                        ]}
                    />
                    <p><a href={href("jobs", { state: "discarded" })}>Timers that failed for good are dead letters</a>.</p>
                </>
            )}
        </Page>
    );
}
