// Lines over time, drawn by uPlot, with the same figures in words for those who do not see them.
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Data } from "./api";
import { number, span } from "./ui";

export interface Line {
    key: string;
    name: string;
    color: string; ///< a variable of the style sheet
}

interface Properties {
    title: string;
    points: Data[];
    from: number;
    to: number;
    step: number;
    lines: Line[];
    unit: "jobs" | "ms";
}

const shown = (unit: "jobs" | "ms", value: number | null | undefined) =>
    value === null || value === undefined ? "-" : unit === "ms" ? span(value / 1000) : number(value);

/** Hours of the reader's zone; days where a point is longer than an hour. */
function clock(seconds: number, step: number): string {
    const date = new Date(seconds * 1000);
    const two = (n: number) => String(n).padStart(2, "0");
    return step > 3600 ? `${two(date.getMonth() + 1)}-${two(date.getDate())}` : `${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function Chart({ title, points, from, to, step, lines, unit }: Properties) {
    const box = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | null>(null);
    // Minutes in which nothing happened have no row: 0 for jobs, a gap for times.
    const data = useMemo(() => {
        const rows = new Map(points.map((p) => [Number(p.at), p]));
        const times: number[] = [];
        for (let at = Math.ceil(from / step) * step; at <= to && times.length < 2000; at += step) times.push(at);
        const series = lines.map((l) => times.map((t) => { const v = rows.get(t)?.[l.key]; return v === undefined || v === null ? (unit === "jobs" ? 0 : null) : Number(v); }));
        return [times, ...series] as uPlot.AlignedData;
    }, [points, from, to, step]);
    useEffect(() => {
        const place = box.current!;
        const make = () => {
            plot.current?.destroy();
            const style = getComputedStyle(document.documentElement);
            const color = (name: string) => style.getPropertyValue(name).trim();
            const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui" };
            plot.current = new uPlot(
                {
                    width: place.clientWidth || 300,
                    height: 180,
                    cursor: { y: false, drag: { x: false, y: false } },
                    legend: { show: false },
                    scales: { y: { range: (_u, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
                    axes: [{ ...axis, values: (_u, ticks) => ticks.map((t) => clock(t, step)) }, { ...axis, size: 64, values: (_u, ticks) => ticks.map((v) => shown(unit, v)) }],
                    series: [{}, ...lines.map((l) => ({ label: l.name, stroke: color(l.color), width: 2, spanGaps: false, points: { size: 4 } }))],
                },
                data,
                place,
            );
        };
        make();
        const sized = new ResizeObserver(() => plot.current?.setSize({ width: place.clientWidth || 300, height: 180 }));
        sized.observe(place);
        const scheme = matchMedia("(prefers-color-scheme: dark)");
        scheme.addEventListener("change", make);
        return () => {
            sized.disconnect();
            scheme.removeEventListener("change", make);
            plot.current?.destroy();
            plot.current = null;
        };
    }, [step]);
    useEffect(() => plot.current?.setData(data), [data]);
    const last = data[0].length - 1;
    const summary = lines.map((l, i) => {
        const values = (data[i + 1] as (number | null)[]).filter((v): v is number => v !== null);
        return `${l.name}: ${unit === "jobs" ? "in all " + number(values.reduce((a, b) => a + b, 0)) : "largest " + shown(unit, values.length ? Math.max(...values) : null)}`;
    });
    return (
        <figure class="chart">
            <figcaption>
                <strong>{title}</strong>{" "}
                {lines.map((l, i) => (
                    <span class="key">
                        <span class={`swatch ${l.color.slice(2)}`} aria-hidden="true" /> {l.name} {shown(unit, (data[i + 1] as (number | null)[])[last])}
                    </span>
                ))}
            </figcaption>
            <div ref={box} role="img" aria-label={`${title}. ${summary.join(", ")}.`} />
        </figure>
    );
}

const happened: Line[] = [
    { key: "enqueued", name: "enqueued", color: "--c1" },
    { key: "completed", name: "completed", color: "--c2" },
];
const bad: Line[] = [
    { key: "failed", name: "failed attempts", color: "--c3" },
    { key: "discarded", name: "discarded", color: "--c4" },
    { key: "cancelled", name: "cancelled", color: "--c5" },
];
const percentiles = (what: string): Line[] => [
    { key: what + "_p50", name: "half", color: "--c2" },
    { key: what + "_p95", name: "95 %", color: "--c1" },
    { key: what + "_p99", name: "99 %", color: "--c4" },
];

/** The four charts of the overview and of a queue. */
export function Charts({ data }: { data: Data }) {
    const common = { points: data.points, from: Number(data.from), to: Number(data.to), step: Number(data.step) };
    const per = common.step === 60 ? "minute" : span(common.step);
    return (
        <div class="charts">
            <Chart title={`Jobs per ${per}`} lines={happened} unit="jobs" {...common} />
            <Chart title={`Went wrong per ${per}`} lines={bad} unit="jobs" {...common} />
            <Chart title="Waited from when due to start" lines={percentiles("wait")} unit="ms" {...common} />
            <Chart title="Ran" lines={percentiles("run")} unit="ms" {...common} />
        </div>
    );
}
