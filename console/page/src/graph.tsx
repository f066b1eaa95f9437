// A graph of boxes and arrows, laid out by dagre and drawn as SVG.
import dagre from "@dagrejs/dagre";
import { useMemo } from "preact/hooks";

export interface Node {
    id: string;
    text: string;
    state?: string;
    href?: string;
}

export interface Edge {
    from: string;
    to: string;
    text?: string;
}

const shorten = (text: string) => (text.length > 26 ? text.slice(0, 25) + "..." : text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");

export function GraphOf({ nodes, edges, title }: { nodes: Node[]; edges: Edge[]; title: string }) {
    const laid = useMemo(() => {
        const graph = new dagre.graphlib.Graph({ multigraph: true });
        graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 50, marginx: 8, marginy: 8 });
        graph.setDefaultEdgeLabel(() => ({}));
        const known = new Set(nodes.map((n) => n.id));
        for (const n of nodes) graph.setNode(n.id, { width: 30 + shorten(n.text).length * 7.5, height: 32 });
        edges.forEach((e, i) => known.has(e.from) && known.has(e.to) && graph.setEdge(e.from, e.to, {}, String(i)));
        dagre.layout(graph);
        return graph;
    }, [JSON.stringify(nodes.map((n) => n.id)), JSON.stringify(edges)]);
    const { width = 100, height = 40 } = laid.graph() as { width?: number; height?: number };
    return (
        <div class="wide" role="region" aria-label={title} tabIndex={0}>
            <svg width={Math.max(width, 60)} height={Math.max(height, 40)} viewBox={`0 0 ${Math.max(width, 60)} ${Math.max(height, 40)}`} class="graph" role="group" aria-label={title}>
                <defs>
                    <marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
                        <path d="M0 0L10 5L0 10z" />
                    </marker>
                </defs>
                {laid.edges().map((e) => {
                    const points = (laid.edge(e) as { points: { x: number; y: number }[] }).points;
                    const middle = points[Math.floor(points.length / 2)]!;
                    const text = edges[Number(e.name)]?.text;
                    return (
                        <g>
                            <path class="edge" marker-end="url(#arrow)" d={"M" + points.map((p) => `${p.x} ${p.y}`).join("L")} />
                            {text && <text x={middle.x} y={middle.y - 4} class="soft" text-anchor="middle">{shorten(text)}</text>}
                        </g>
                    );
                })}
                {nodes.map((n) => {
                    const at = laid.node(n.id) as { x: number; y: number; width: number; height: number };
                    const box = (
                        <g class={`node ${n.state && /^[a-z_]+$/.test(n.state) ? n.state : ""}`}>
                            <title>{n.text + (n.state ? `, ${n.state}` : "")}</title>
                            <rect x={at.x - at.width / 2} y={at.y - at.height / 2} width={at.width} height={at.height} rx="6" />
                            <text x={at.x} y={at.y + 4} text-anchor="middle">{shorten(n.text)}</text>
                        </g>
                    );
                    return n.href ? <a href={n.href}>{box}</a> : box;
                })}
            </svg>
        </div>
    );
}
