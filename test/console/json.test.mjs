// The page's own reader of JSON: it must read what JSON.parse reads, and keep numbers as they came.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { root } from "./lib.mjs";

const { buildSync } = createRequire(`${root}/build/console/npm/package.json`)("esbuild");
const built = buildSync({ entryPoints: [`${root}/console/page/src/json.ts`], bundle: true, write: false, format: "esm" });
const { parse, Exact } = await import("data:text/javascript;base64," + Buffer.from(built.outputFiles[0].text).toString("base64"));

test("it reads what JSON.parse reads", () => {
    for (const text of ["1", '"a\\"b\\\\"', "[]", "{}", '{"a": [1, {"b": null}, true, false], "c": "\\u00e9"}', '[{"__proto__": 1}]', '  [ 1 , "x" ]\n'])
        assert.deepEqual(parse(text), JSON.parse(text));
});
test("no digit of a number is lost", () => {
    const [big, small, long, plain] = parse("[12345678901234567890, 1.10, 1e400, 7]");
    assert.ok(big instanceof Exact);
    assert.deepEqual([big, small, long, plain].map(String), ["12345678901234567890", "1.10", "1e400", "7"]);
});
test("a hundred thousand brackets are no trouble", () => {
    let value = parse("[".repeat(100000) + "]".repeat(100000));
    for (let i = 0; i < 99999; i++) value = value[0];
    assert.deepEqual(value, []);
});
test("what is no JSON is refused", () => {
    assert.throws(() => parse("<html>"));
});
