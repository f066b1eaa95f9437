// The page: who is logged in, the way around, and the page that the address names.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { logIn, logOut, page, Problem, whenLoggedOut, type Data } from "./api";
import { href, usePlace } from "./router";
import { Field, Page, Sayings, Text, Trouble } from "./ui";
import { SessionContext } from "./session";
import { Overview } from "./pages/overview";
import { Queues, QueuePage } from "./pages/queues";
import { Jobs } from "./pages/jobs";
import { JobPage } from "./pages/job";
import { DeadLetters } from "./pages/dead";
import { Enqueue, Handlers } from "./pages/enqueue";
import { Schedules, Timers } from "./pages/time";
import { Batches, Graph } from "./pages/batches";
import { Workflows, WorkflowPage, TypeGraph } from "./pages/workflows";
import { Streams, Deliveries } from "./pages/streams";
import { Workers, Health } from "./pages/system";
import "../style.css";

type Shown = (p: { at: Record<string, string> }) => preact.JSX.Element;

const places: Record<string, { show: Shown; menu?: string; under?: string }> = {
    overview: { show: Overview, menu: "Overview" },
    queues: { show: Queues, menu: "Queues" },
    queue: { show: QueuePage, under: "queues" },
    jobs: { show: Jobs, menu: "Jobs" },
    job: { show: JobPage, under: "jobs" },
    dead: { show: DeadLetters, menu: "Dead letters" },
    schedules: { show: Schedules, menu: "Schedules" },
    timers: { show: Timers, menu: "Timers" },
    batches: { show: Batches, menu: "Batches" },
    graph: { show: Graph, under: "batches" },
    workflows: { show: Workflows, menu: "Workflows" },
    workflow: { show: WorkflowPage, under: "workflows" },
    type: { show: TypeGraph, under: "workflows" },
    streams: { show: Streams, menu: "Streams" },
    deliveries: { show: Deliveries, under: "streams" },
    workers: { show: Workers, menu: "Workers" },
    handlers: { show: Handlers, menu: "Handlers" },
    health: { show: Health, menu: "Health" },
    enqueue: { show: Enqueue, under: "jobs" },
};

function LogIn({ said, done }: { said?: Problem; done: () => void }) {
    const [role, setRole] = useState("");
    const [password, setPassword] = useState("");
    const [problem, setProblem] = useState<Problem | undefined>(said);
    const [busy, setBusy] = useState(false);
    const submit = async (event: Event) => {
        event.preventDefault();
        setBusy(true);
        try {
            await logIn(role, password);
            setPassword("");
            done();
        } catch (caught) {
            setProblem(caught as Problem);
        }
        setBusy(false);
    };
    return (
        <main class="login">
            <h1>Foreman console</h1>
            <p>Log in with a role of the database. You can do here what that role can do in psql.</p>
            <form onSubmit={submit}>
                <Field label="Role" value={role} onInput={setRole} required />
                <Field label="Password" type="password" value={password} onInput={setPassword} required />
                {problem && problem.message !== "Please log in." && (
                    <p class="trouble" role="alert">
                        <Text of={problem.message} />
                    </p>
                )}
                <button type="submit" class="main" disabled={busy}>
                    Log in
                </button>
            </form>
        </main>
    );
}

function App() {
    const [session, setSession] = useState<Data | null>(null);
    const [problem, setProblem] = useState<Problem>();
    const [menu, setMenu] = useState(false);
    const at = usePlace();
    const load = async () => {
        try {
            setSession(await page("session"));
            setProblem(undefined);
        } catch (caught) {
            setProblem(caught as Problem);
        }
    };
    // A poll may hear of the end before the answer to the log-out comes, and would say that the server ended it.
    const leaving = useRef(false);
    useEffect(() => {
        whenLoggedOut((said) => {
            if (leaving.current) return;
            setSession((before: Data) => {
                const ended = before && said.word === "log_in";
                setProblem(ended ? new Problem(401, "log_in", "Your log-in has ended, or the server was restarted. Please log in again.") : said);
                return null;
            });
        });
        void load();
    }, []);
    useEffect(() => setMenu(false), [at]);
    // The server may come back, become a primary, or get the extension.
    const missing = session && !String(session.extension ?? "").startsWith("1.");
    const again = !session || missing || session.standby;
    useEffect(() => {
        if (!again || problem?.status === 401) return;
        const timer = setInterval(() => !document.hidden && void load(), 3000);
        return () => clearInterval(timer);
    }, [again, problem?.status]);
    const place = places[at.name];
    useEffect(() => {
        document.title = `${place?.menu ?? at.name} - Foreman console`;
    }, [at.name]);

    if (problem?.status === 401 && problem.word === "log_in") return <LogIn said={problem} done={() => void load()} />;
    if (!session)
        return (
            <main class="login">
                <h1>Foreman console</h1>
                {problem ? <Trouble problem={problem} /> : <p class="none">Loading...</p>}
            </main>
        );
    const leave = async () => {
        leaving.current = true;
        await logOut().catch(() => {});
        leaving.current = false;
        setSession(null);
        setProblem(new Problem(401, "log_in", "You are logged out."));
    };
    const Shown = place?.show;
    const key = at.name + JSON.stringify(at.name === "jobs" ? "" : at.parameters);
    return (
        <SessionContext.Provider value={session}>
            <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.querySelector<HTMLElement>("main h1")?.focus())}>
                Skip to the page
            </a>
            <header>
                <a class="brand" href={href("overview")}>
                    Foreman
                </a>
                <button type="button" class="quiet menu" aria-expanded={menu} aria-controls="menu" onClick={() => setMenu(!menu)}>
                    Menu
                </button>
                <span class="who">
                    <Text of={session.role} max={40} /> at <Text of={session.database} max={40} />
                    {session.read_only && <span class="badge">read only</span>}
                    {session.standby && <span class="badge">standby</span>}
                </span>
                {!session.proxy && (
                    <button type="button" class="quiet" onClick={() => void leave()}>
                        Log out
                    </button>
                )}
            </header>
            <nav id="menu" aria-label="Pages" class={menu ? "open" : ""}>
                <ul>
                    {Object.entries(places)
                        .filter(([, p]) => p.menu)
                        .map(([name, p]) => (
                            <li>
                                <a href={href(name)} aria-current={name === at.name ? "page" : name === place?.under ? "true" : undefined}>
                                    {p.menu}
                                </a>
                            </li>
                        ))}
                </ul>
            </nav>
            <main id="main">
                <Sayings />
                {missing ? (
                    <Page title="No pg_foreman here">
                        <p class="trouble" role="alert">
                            {session.extension
                                ? `This database has version ${session.extension} of pg_foreman; this console is for version 1.`
                                : "This database has no extension pg_foreman. Run CREATE EXTENSION pg_foreman, or connect the console to another database."}
                        </p>
                    </Page>
                ) : !session.may.see && at.name !== "enqueue" && at.name !== "batches" ? (
                    <Page title="Nothing to see">
                        <p>
                            Your role has neither the bundle <code>operator</code> nor <code>monitor</code>. Whoever has may run{" "}
                            <code>SELECT foreman.grant_role('monitor', '...')</code>.
                        </p>
                        {session.may.produce && <a href={href("enqueue")}>Enqueue a job</a>}
                    </Page>
                ) : Shown ? (
                    <Shown key={key} at={at.parameters} />
                ) : (
                    <Page title="There is no such page">
                        <a href={href("overview")}>To the overview</a>
                    </Page>
                )}
            </main>
        </SessionContext.Provider>
    );
}

render(<App />, document.getElementById("app")!);
