// The address of a page: #/name?parameter=value. It can be shared, and the browser's back button works.
import { useEffect, useState } from "preact/hooks";
import type { Parameters } from "./api";

export interface Place {
    name: string;
    parameters: Record<string, string>;
}

export function href(name: string, parameters: Parameters = {}): string {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters)) if (value !== undefined && value !== "") query.set(key, value);
    const text = query.toString();
    return `#/${name}${text && "?" + text}`;
}

export function go(name: string, parameters: Parameters = {}) {
    location.hash = href(name, parameters);
}

function place(): Place {
    const [name = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    return { name: name || "overview", parameters: Object.fromEntries(new URLSearchParams(query)) };
}

export function usePlace(): Place {
    const [at, setAt] = useState(place);
    useEffect(() => {
        const moved = () => setAt(place());
        addEventListener("hashchange", moved);
        return () => removeEventListener("hashchange", moved);
    }, []);
    return at;
}
