"""Replays a workflow from its history. A workflow is a generator that yields steps and is sent their results:

    def order(order):
        paid = yield effect("charge", {"amount": order["amount"]})
        approval = yield wait("approve", timeout="1 day")     # raises TimedOut
        mails = yield [effect("mail", a) for a in order["to"]]  # all at once
        return {"paid": paid}

Between the yields it must do the same every time: clocks, random numbers and calls go into side_effect().
"""

class Failed(Exception):
    """An effect or a child failed. One that is not caught makes the workflow fail."""
class TimedOut(Failed): pass
class Cancelled(Exception):
    """A cancel was requested. Clean up with more steps, then let it pass: the workflow is cancelled."""
class ContinueAsNew(Exception):
    """Raise it with an input to begin again with an empty history."""

def effect(kind, args=None, **options):  # name, undo and the options of enqueue()
    return {"command": "schedule_effect", "kind": kind, "args": args or {}, **options}
def timer(after, name="timer"):
    return {"command": "set_timer", "after": after, "name": name}
def wait(name, timeout=None):
    return {"command": "wait_for_signal", "name": name, "timeout": timeout}
def child(workflow_type, workflow_id, input=None, **options):
    return {"command": "start_child", "workflow_type": workflow_type, "workflow_id": workflow_id, "input": input or {}, **options}
def side_effect(name, function):  # called once; its result is kept
    return {"command": "record_side_effect", "name": name, "value": function}
def search(**attributes):
    return {"command": "upsert_search_attributes", "search": attributes}

COMMANDS = {"EffectScheduled", "TimerSet", "SignalAwaited", "ChildStarted", "SideEffectRecorded", "SearchAttributesUpserted"}
ENDS = {"EffectCompleted", "EffectFailed", "TimerFired", "SignalTimedOut", "ChildEnded"}
NEVER = float("inf")

def replay(workflow, history):
    """The commands to submit: those that are recorded, shortened, and those that are new."""
    recorded = {e["data"]["sequence"]: e for e in history if e["type"] in COMMANDS}
    ends = {e["data"]["sequence"]: e for e in history if e["type"] in ENDS}
    signals = [e for e in history if e["type"] == "SignalReceived"]
    cancel = next((e["sequence"] for e in history if e["type"] == "CancelRequested"), NEVER)
    commands, consumed, number = [], [], 0

    def submit(command, **fields): commands.append({**command, "sequence": number, **fields})

    def resolve(step):
        """When the step ended, and its result or an exception; NEVER where it goes on."""
        end, done = ends.get(number), recorded.get(number)
        if step["command"] == "wait_for_signal":
            came = next((s for s in signals if s["data"].get("name") == step["name"] and s["sequence"] not in consumed), None)
            if came and not (end and end["sequence"] < came["sequence"]):
                consumed.append(came["sequence"])
                return came["sequence"], came["data"]["input"]
        if step["command"] == "record_side_effect":
            return (done["sequence"], done["data"]["value"]) if done else (NEVER, None)
        if step["command"] == "upsert_search_attributes":
            return 0, None
        if not end:
            return NEVER, None
        data = end["data"]
        if end["type"] == "SignalTimedOut":
            return end["sequence"], TimedOut(f"no signal {step['name']}")
        if end["type"] == "EffectFailed" or data.get("state", "completed") != "completed":
            return end["sequence"], Failed((data.get("error") or {}).get("message") or data.get("reason") or "failed")
        return end["sequence"], data.get("result")

    try:
        run = workflow(history[0]["data"]["input"])
        steps = run.send(None)
        while True:
            many, results = isinstance(steps, list), []
            for step in steps if many else [steps]:
                number += 1
                results.append((number, step, *resolve(step)))
            cancelled = any(at > cancel for _, _, at, _ in results)
            for number, step, at, _ in results:
                if number in recorded:
                    submit({k: step[k] for k in ("command", "name", "kind", "workflow_id") if k in step})
                elif not cancelled and (at in (0, NEVER)):
                    submit(step, **({"value": step["value"]()} if callable(step.get("value")) else {}))
            error = next((r for _, _, _, r in results if isinstance(r, Exception)), None)
            if cancelled:
                cancel, error = NEVER, Cancelled("cancelled")
            elif any(at == NEVER for _, _, at, _ in results):
                return commands
            steps = run.throw(error) if error else run.send([r[3] for r in results] if many else results[0][3])
    except StopIteration as end:
        number += 1
        submit({"command": "complete", "result": end.value})
    except Cancelled as error:
        number += 1
        submit({"command": "cancel", "reason": str(error)})
    except Failed as error:
        number += 1
        submit({"command": "fail", "reason": str(error)})
    except ContinueAsNew as again:
        number += 1
        submit({"command": "continue_as_new", "input": again.args[0], "consumed": consumed})
    return commands
