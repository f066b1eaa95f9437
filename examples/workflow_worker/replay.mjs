// Replays a workflow from its history. A workflow is a generator function that yields steps and is given their results:
//
//     function* order(order) {
//         const paid = yield effect('charge', { amount: order.amount });
//         const approval = yield wait('approve', '1 day');        // throws TimedOut
//         const mails = yield order.to.map((a) => effect('mail', a)); // all at once
//         return { paid };
//     }
//
// Between the yields it must do the same every time: clocks, random numbers and calls go into sideEffect().

export class Failed extends Error {} // an effect or a child failed; one that is not caught makes the workflow fail
export class TimedOut extends Failed {}
export class Cancelled extends Error {} // a cancel was requested: clean up with more steps, then throw it on
export class ContinueAsNew extends Error { // throw it with an input to begin again with an empty history
    constructor(input) { super('continue as new'); this.input = input; }
}

export const effect = (kind, args = {}, options = {}) => ({ command: 'schedule_effect', kind, args, ...options });
export const timer = (after, name = 'timer') => ({ command: 'set_timer', after, name });
export const wait = (name, timeout = null) => ({ command: 'wait_for_signal', name, timeout });
export const child = (workflow_type, workflow_id, input = {}, options = {}) => ({ command: 'start_child', workflow_type, workflow_id, input, ...options });
export const sideEffect = (name, value) => ({ command: 'record_side_effect', name, value }); // a function, called once
export const search = (attributes) => ({ command: 'upsert_search_attributes', search: attributes });

const COMMANDS = new Set(['EffectScheduled', 'TimerSet', 'SignalAwaited', 'ChildStarted', 'SideEffectRecorded', 'SearchAttributesUpserted']);
const ENDS = new Set(['EffectCompleted', 'EffectFailed', 'TimerFired', 'SignalTimedOut', 'ChildEnded']);
const NEVER = Infinity;
const bySequence = (history, types) => new Map(history.filter((e) => types.has(e.type)).map((e) => [e.data.sequence, e]));

// The commands to submit: those that are recorded, shortened, and those that are new.
export async function replay(workflow, history) {
    const recorded = bySequence(history, COMMANDS), ends = bySequence(history, ENDS);
    const signals = history.filter((e) => e.type === 'SignalReceived');
    let cancel = history.find((e) => e.type === 'CancelRequested')?.sequence ?? NEVER;
    const commands = [], consumed = [];
    let number = 0;
    const last = (command) => commands.push({ ...command, sequence: number + 1 }) && commands;

    // When the step ended, and its result or an error; NEVER where it goes on.
    function resolve(step) {
        const end = ends.get(number), done = recorded.get(number);
        if (step.command === 'wait_for_signal') {
            const came = signals.find((s) => s.data.name === step.name && !consumed.includes(s.sequence));
            if (came && !(end && end.sequence < came.sequence)) {
                consumed.push(came.sequence);
                return { at: came.sequence, result: came.data.input };
            }
        }
        if (step.command === 'record_side_effect') return done ? { at: done.sequence, result: done.data.value } : { at: NEVER };
        if (step.command === 'upsert_search_attributes') return { at: 0 };
        if (!end) return { at: NEVER };
        const { data, type, sequence: at } = end;
        if (type === 'SignalTimedOut') return { at, error: new TimedOut(`no signal ${step.name}`) };
        if (type === 'EffectFailed' || (data.state ?? 'completed') !== 'completed')
            return { at, error: new Failed(data.error?.message ?? data.reason ?? 'failed') };
        return { at, result: data.result };
    }

    const run = workflow(history[0].data.input);
    try {
        let next = run.next();
        while (!next.done) {
            const many = Array.isArray(next.value);
            const results = (many ? next.value : [next.value]).map((step) => { number++; return { number, step, ...resolve(step) }; });
            const waits = results.some((r) => r.at === NEVER);
            const cancelled = cancel !== NEVER && results.some((r) => r.at > cancel);
            for (const { number: sequence, step, at } of results) {
                const { command, name, kind, workflow_id } = step;
                if (recorded.has(sequence)) commands.push({ command, name, kind, workflow_id, sequence });
                else if (!cancelled && (at === 0 || at === NEVER))
                    commands.push(typeof step.value === 'function' ? { ...step, sequence, value: (await step.value()) ?? null } : { ...step, sequence });
            }
            if (cancelled) {
                cancel = NEVER;
                next = run.throw(new Cancelled('cancelled'));
            } else if (waits) {
                return commands;
            } else {
                const error = results.find((r) => r.error)?.error;
                next = error ? run.throw(error) : run.next(many ? results.map((r) => r.result) : results[0].result);
            }
        }
        return last({ command: 'complete', result: next.value ?? null });
    } catch (error) {
        if (error instanceof Cancelled) return last({ command: 'cancel', reason: error.message });
        if (error instanceof Failed) return last({ command: 'fail', reason: error.message });
        if (error instanceof ContinueAsNew) return last({ command: 'continue_as_new', input: error.input, consumed });
        throw error;
    }
}
