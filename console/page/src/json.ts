// JSON with numbers as they are: what a double cannot hold stays the text that came, so that no digit is lost.
// It goes without recursion, since args may be nested as deep as anybody likes.

export class Exact {
    constructor(readonly text: string) {}
    toString() {
        return this.text;
    }
}

export type Value = null | boolean | number | string | Exact | Value[] | { [key: string]: Value };

function numberOf(text: string): number | Exact {
    const value = Number(text);
    return String(value) === text ? value : new Exact(text);
}

export function parse(text: string): Value {
    const scalar = /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)|([[\]{},:]))/y;
    const stack: { into: Value[] | Record<string, Value>; key?: string }[] = [];
    let result: Value = null;
    const put = (value: Value) => {
        const top = stack[stack.length - 1];
        if (!top) {
            result = value;
        } else if (Array.isArray(top.into)) {
            top.into.push(value);
        } else if (top.key === undefined) {
            if (typeof value !== "string") throw new Error("malformed answer");
            top.key = value;
        } else {
            // __proto__ is a key like others.
            Object.defineProperty(top.into, top.key, { value, enumerable: true, configurable: true, writable: true });
            top.key = undefined;
        }
    };
    while (scalar.lastIndex < text.length) {
        const at = scalar.lastIndex;
        const found = scalar.exec(text);
        if (!found) {
            if (text.slice(at).trim() === "") break;
            throw new Error("malformed answer");
        }
        const [, string, number, word, mark] = found;
        if (string !== undefined) put(JSON.parse(string) as string);
        else if (number !== undefined) put(numberOf(number));
        else if (word !== undefined) put(word === "null" ? null : word === "true");
        else if (mark === "{" || mark === "[") {
            const into: Value[] | Record<string, Value> = mark === "[" ? [] : {};
            put(into);
            stack.push({ into });
        } else if (mark === "}" || mark === "]") stack.pop();
    }
    return result;
}
