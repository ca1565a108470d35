import { describe, expect, it } from "@jest/globals";

import { readFacts } from "./facts.ts";
import { applyExceptions, checkFiles, formatFinding } from "./index.ts";
import { checkDead } from "./rules/dead.ts";
import { refusalOf } from "./rules/layers.ts";

const MANIFEST = {
  dependencies: { lmdb: "1", "@bufbuild/protobuf": "2" },
  devDependencies: { "kubernetes-types": "1", typescript: "5" },
};

/**
 * Findings in these files, but for "dead", which has its own test; each gets the opening comment that
 * another rule asks for.
 */
function tidy(files: Readonly<Record<string, string>>): readonly string[] {
  const facts = Object.entries(files).map(([path, text]) => readFacts(path, `// Why.\n${text}`));
  const findings = checkFiles(facts, MANIFEST).filter(({ rule }) => rule !== "dead");
  return findings.map(formatFinding);
}

describe("layers", () => {
  it.each([
    ["api/meta/a.ts", "api/base/index.ts"],
    ["controllers/objects/a.ts", "api/meta/b.ts"],
    ["controllers/opackage/render.ts", "controllers/objects/b.ts"],
    ["controllers/opackage/plan/a.ts", "controllers/opackage/status.ts"],
    ["controllers/opackage/reconcile.ts", "controllers/opackage/render.ts"],
    ["controllers/opackage/observe.ts", "controllers/runtime/index.ts"],
    ["operators/oaas/main.ts", "controllers/opackage/reconcile.ts"],
    ["workloads/odgm/main.ts", "workloads/core/raft/index.ts"],
    ["workloads/s3-gateway/main.ts", "workloads/rawstor/index.ts"],
    ["workloads/sdk/samples/echo/main.ts", "workloads/sdk/index.ts"],
    ["controllers/runtime/a.test.ts", "controllers/runtime/testing/b.ts"],
    ["controllers/runtime/cache/a.ts", "controllers/runtime/client/b.ts"],
    ["controllers/runtime/index.ts", "controllers/runtime/lifecycle/b.ts"],
    ["test/e2e/a.test.ts", "hack/cluster/index.ts"],
    ["hack/images/a.ts", "api/base/index.ts"],
  ])("%s may import %s", (from, to) => {
    expect(refusalOf(from, to)).toBeUndefined();
  });

  it.each([
    ["api/base/a.ts", "api/meta/b.ts"],
    ["api/meta/a.ts", "controllers/objects/b.ts"],
    ["controllers/objects/a.ts", "controllers/runtime/b.ts"],
    ["controllers/opackage/render.ts", "controllers/opackage/observe.ts"],
    ["controllers/opackage/render.ts", "controllers/runtime/index.ts"],
    ["controllers/opackage/reconcile.ts", "controllers/class-runtime/render.ts"],
    ["controllers/opackage/reconcile.ts", "workloads/core/raft/index.ts"],
    ["controllers/runtime/a.ts", "controllers/runtime/testing/b.ts"],
    ["controllers/runtime/a.ts", "controllers/runtime/b.test.ts"],
    ["controllers/runtime/cache/a.ts", "controllers/runtime/lifecycle/b.ts"],
    ["operators/oaas/main.ts", "operators/rawstor/options.ts"],
    ["operators/oaas/main.ts", "workloads/platform/grpc/client.ts"],
    ["workloads/core/raft/a.ts", "workloads/platform/files/b.ts"],
    ["workloads/platform/a.ts", "workloads/odgm/b.ts"],
    ["workloads/odgm/a.ts", "workloads/gateway/b.ts"],
    ["workloads/odgm/a.ts", "operators/oaas/options.ts"],
    ["workloads/sdk/samples/echo/main.ts", "workloads/sdk/samples/random/main.ts"],
    ["workloads/gateway/a.ts", "workloads/sdk/samples/echo/main.ts"],
    ["workloads/odgm/a.ts", "test/support/wait.ts"],
    ["operators/oaas/main.ts", "hack/images/index.ts"],
  ])("%s may not import %s", (from, to) => {
    expect(refusalOf(from, to)).toBeDefined();
  });

  it("of the runtime share their types", () => {
    const to = "controllers/runtime/controller/types.ts";
    expect(refusalOf("controllers/runtime/cache/a.ts", to, true)).toBeUndefined();
    expect(refusalOf("controllers/runtime/cache/a.ts", to)).toBeDefined();
  });

  it("sees subpath, relative, dynamic and type imports, and re-exports", () => {
    const findings = tidy({
      "workloads/odgm/a.ts": [
        'import { x } from "#operators/oaas/options.ts";',
        'import type { y } from "../gateway/y.ts";',
        'export { z } from "../ost/z.ts";',
        'const w = await import("../mds/w.ts");',
        'type V = import("../cli/v.ts").V;',
      ].join("\n"),
    });
    expect(findings.map((finding) => finding.split(" ")[0])).toEqual(
      [2, 3, 4, 5, 6].map((line) => `workloads/odgm/a.ts:${line}`),
    );
  });
});

describe("packages", () => {
  it.each([
    { path: "workloads/core/a.ts", text: 'import "node:fs";', want: "node:fs in a pure layer" },
    { path: "workloads/core/a.ts", text: 'import "lmdb";', want: "package lmdb in a pure layer" },
    { path: "workloads/odgm/a.ts", text: 'import "fs";', want: "write node:fs" },
    { path: "workloads/odgm/a.ts", text: 'import "left-pad";', want: "is not in package.json" },
    { path: "workloads/odgm/a.ts", text: 'import "typescript";', want: "is a devDependency" },
  ])("$path: $text", ({ path, text, want }) => {
    expect(tidy({ [path]: text })).toEqual([expect.stringContaining(want)]);
  });

  it("allows what each place may have", () => {
    const findings = tidy({
      "api/a.ts": 'import { create } from "@bufbuild/protobuf/wkt";',
      "controllers/objects/a.ts": 'import type { Pod } from "kubernetes-types/core/v1";',
      "workloads/odgm/a.ts": 'import { open } from "lmdb";\nimport fs from "node:fs/promises";',
      "hack/tidy/a.ts": 'import ts from "typescript";',
    });
    expect(findings).toEqual([]);
  });
});

describe("cycles", () => {
  it("tells a cycle once, types included", () => {
    const findings = tidy({
      "api/a.ts": 'import type { B } from "./b.ts";',
      "api/b.ts": 'import { c } from "#api/c.ts";',
      "api/c.ts": 'import { a } from "./a.ts";\nimport { d } from "./d.ts";',
      "api/d.ts": "",
    });
    expect(findings).toEqual([
      "api/a.ts:2 cycles: import cycle: api/a.ts -> api/b.ts -> api/c.ts -> api/a.ts",
    ]);
  });
});

describe("dead", () => {
  it("tells files that no program, door or test reaches", () => {
    const files = {
      "workloads/odgm/main.ts": 'import "./a.ts";\nspawn(join(here, "child.ts"));',
      "workloads/odgm/a.ts": 'import "#api/b.ts";',
      "workloads/odgm/child.ts": "",
      "api/b.ts": "",
      "api/c.ts": 'import "./d.ts";',
      "api/d.ts": "",
      "test/support/e.ts": "",
      "test/e2e/f.test.ts": 'import "../support/e.ts";',
    };
    const facts = Object.entries(files).map(([path, text]) => readFacts(path, text));
    expect(checkDead(facts).map(({ path }) => path)).toEqual(["api/c.ts", "api/d.ts"]);
  });
});

describe("twice", () => {
  const text = "/** Doc. */\nexport const SLOT_COUNT = 4096;";

  it("tells a copy, however it is laid out and documented", () => {
    const copy = "\n/** Another. */\nexport const SLOT_COUNT =\n  4096;";
    expect(tidy({ "controllers/runtime/a.ts": text, "workloads/core/b.ts": copy })).toEqual([
      "workloads/core/b.ts:4 twice: SLOT_COUNT is also in controllers/runtime/a.ts",
    ]);
  });

  it("does not mind another value of the same name, nor a copy in a test", () => {
    const other = text.replace("4096", "8192");
    expect(tidy({ "controllers/runtime/a.ts": text, "workloads/core/b.ts": other })).toEqual([]);
    expect(tidy({ "api/a.test.ts": text, "workloads/core/b.ts": text })).toEqual([]);
  });
});

describe("sizes", () => {
  const longFunction = `function f() {\n${"  g();\n".repeat(69)}}\n`;

  it("limits lines, functions and files", () => {
    expect(tidy({ "api/a.ts": `// ${"x".repeat(98)}\n` })).toEqual([
      "api/a.ts:2 line-length: line: 101, at most 100",
    ]);
    expect(tidy({ "api/a.ts": longFunction })).toEqual([
      "api/a.ts:2 function-length: f: 71, at most 70",
    ]);
    expect(tidy({ "api/a.ts": "\n".repeat(500) })).toEqual([
      "api/a.ts:1 file-length: file: 501, at most 500",
    ]);
  });

  it("lets tests be long, and accepts the limits themselves", () => {
    expect(tidy({ "api/a.test.ts": `// ${"x".repeat(98)}\n${longFunction}` })).toEqual([]);
    expect(tidy({ "api/a.ts": `// ${"x".repeat(97)}\n${"\n".repeat(498)}` })).toEqual([]);
  });
});

describe("calls", () => {
  it.each([
    { text: "const a = Date.now();", want: "Date.now" },
    { text: "const a = Math.random();", want: "Math.random" },
    { text: "const a = new Date();", want: "reads the clock" },
    { text: "async function f() {}", want: "async code" },
    { text: "let count = 0;", want: "mutable state" },
  ])("refuses in a pure layer: $text", ({ text, want }) => {
    const finding = expect.stringContaining(want);
    expect(tidy({ "workloads/core/a.ts": text })).toEqual([finding]);
    expect(tidy({ "controllers/opackage/plan.ts": text })).toEqual([finding]);
    expect(tidy({ "controllers/opackage/observe.ts": text })).toEqual([]);
  });

  it("allows a date from a number in a pure layer", () => {
    expect(tidy({ "api/a.ts": "const a = new Date(0);\nconst b = 1;" })).toEqual([]);
  });

  it("keeps the environment where it is parsed", () => {
    const text = 'const a = process.env["A"];';
    const where = (path: string): number => tidy({ [path]: text }).length;
    expect(where("workloads/odgm/server.ts")).toBe(1);
    expect(where("controllers/runtime/a.ts")).toBe(1);
    expect(where("workloads/odgm/main.ts")).toBe(0);
    expect(where("workloads/sdk/samples/echo/main.ts")).toBe(0);
    expect(where("operators/oaas/options.ts")).toBe(0);
    expect(where("hack/cluster/a.ts")).toBe(0);
  });

  it.each(["it.only", "describe.skip", "test.todo"])("refuses %s", (call) => {
    expect(tidy({ "api/a.test.ts": `${call}("x");` })).toEqual([expect.stringContaining(call)]);
  });

  it("refuses default exports", () => {
    expect(tidy({ "api/a.ts": "/** Doc. */\nexport default function f() {}" })).toHaveLength(1);
    expect(tidy({ "api/a.ts": "const a = 1;\nexport default a;" })).toHaveLength(1);
  });
});

describe("comments", () => {
  // Written in two parts, or this file would be a finding.
  const todo = "TO" + "DO";

  it.each([
    { text: `// ${todo}: later`, want: "the markers are" },
    { text: "// FIX" + "ME", want: "the markers are" },
    { text: `// @${todo}: later`, want: "without its issue" },
    { text: "// @ts-" + "ignore", want: "use @ts-expect-error" },
    { text: "// @ts-" + "expect-error", want: "without a reason" },
    { text: "/* eslint-" + "disable no-console */", want: "without `-- reason`" },
    { text: "export const a = 1;", want: "a is exported without a doc comment" },
  ])("refuses $text", ({ text, want }) => {
    expect(tidy({ "api/a.ts": text })).toEqual([expect.stringContaining(want)]);
  });

  it("allows the markers of the style, and words that only look like others", () => {
    const text = [
      `// @${todo}(#12): later`,
      "// @NOTE: surprising",
      "// @ts-" + "expect-error the library's types lack it",
      "// eslint-" + "disable-next-line no-console -- the door speaks",
      `const ${todo}_LIST = "${todo}";`,
      "/** Doc. */\nexport type A = 1;\nexport { b } from './b.ts';",
    ].join("\n");
    expect(tidy({ "api/a.ts": text })).toEqual([]);
  });

  it("asks for an opening paragraph, except in tests", () => {
    const of = (path: string): number => {
      const findings = checkFiles([readFacts(path, "const a = 1;\n")], MANIFEST);
      return findings.filter(({ rule }) => rule === "opening").length;
    };
    expect(of("api/a.ts")).toBe(1);
    expect(of("api/a.test.ts")).toBe(0);
  });
});

describe("places", () => {
  it.each(["api/utils.ts", "workloads/odgm/helpers/a.ts", "hack/common.ts", "api/BadName.ts"])(
    "refuses the name %s",
    (path) => {
      expect(tidy({ [path]: "" })).toHaveLength(1);
    },
  );

  it.each(["see /ro" + "ot/x", "https://registry." + "npmjs.org/a", "`/wo" + "rk/main`"])(
    "refuses the trace %s in any text",
    (text) => {
      expect(tidy({ "docs/a.md": text })).toHaveLength(1);
    },
  );

  it("does not mind paths inside a repository or an image", () => {
    const text = "see ./work/a, /workloads/x, /app/main.mjs, docs/root/x, /home is fine";
    expect(tidy({ "docs/a.md": text })).toEqual([]);
  });
});

describe("exceptions", () => {
  it("take out what they name, and fail when they name nothing", () => {
    const [finding] = checkDead([readFacts("api/a.ts", "")]);
    if (finding === undefined) throw new Error("nothing uses it");
    const exception = { rule: finding.rule, path: finding.path, reason: "empty on purpose" };
    expect(applyExceptions([finding], [exception])).toEqual([]);
    expect(applyExceptions([], [exception])).toHaveLength(1);
    expect(applyExceptions([finding], [])).toEqual([finding]);
  });
});
