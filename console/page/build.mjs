// Builds the page: one HTML file with its script and style inside, and the policy that allows just these two.
// Called by console/Makefile with the directory where npm's packages are and where the result goes.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const out = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const modules = join(out, "npm", "node_modules");
const esbuild = createRequire(join(out, "npm", "package.json"))("esbuild");

const built = await esbuild.build({
    entryPoints: [join(here, "src/main.tsx")],
    bundle: true,
    minify: true,
    write: false,
    outdir: "out",
    nodePaths: [modules],
    jsx: "automatic",
    jsxImportSource: "preact",
    target: "es2020",
    charset: "ascii",
    legalComments: "none",
});
const text = (ending) => built.outputFiles.find((file) => file.path.endsWith(ending)).text;
const script = text(".js").replaceAll("</script", "<\\/script");
const style = text(".css");
const hash = (content) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`;

const page = readFileSync(join(here, "index.html"), "utf8")
    .replace("/*STYLE*/", () => style)
    .replace("/*SCRIPT*/", () => script);
writeFileSync(join(out, "index.html"), page);
writeFileSync(
    join(out, "policy"),
    `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src 'self'; base-uri 'none'; ` +
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);
