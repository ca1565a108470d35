// docs/runtime.md says which file keeps which promise and which test shows it: all of them are
// there, every feature has a verdict, and the list of metrics is the real one.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { createMetrics } from "#controllers/runtime/base/metrics.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const LINES = readFileSync(join(ROOT, "docs", "runtime.md"), "utf8").split("\n");

interface Row {
  readonly line: number;
  readonly section: string;
  readonly cells: readonly string[];
}

/** Rows of all tables, without their heads. */
const ROWS: readonly Row[] = (() => {
  const rows: Row[] = [];
  let section = "";
  for (const [index, text] of LINES.entries()) {
    if (text.startsWith("#")) section = text.replace(/^#+ /, "");
    const isHead = /^\|[-|]+\|$/.test(LINES[index + 1] ?? "");
    if (!text.startsWith("|") || /^\|[-|]+\|$/.test(text) || isHead) continue;
    const cells = text
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    rows.push({ line: index + 1, section, cells });
  }
  return rows;
})();

/** Files of the repository that a cell names, each with the titles of tests quoted after it. */
function namedIn(cell: string): readonly { readonly path: string; readonly titles: string[] }[] {
  const named: { path: string; titles: string[] }[] = [];
  for (const [, code, title] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (title !== undefined) named.at(-1)?.titles.push(title);
    else if (code !== undefined && /^[a-z][-\w]*(\/[-.\w]+)+$/.test(code)) {
      named.push({ path: code.replace(/^runtime\//, "controllers/runtime/"), titles: [] });
    }
  }
  return named;
}

const FEATURES = ["Seeing", "Deciding when", "Writing", "Kinds and rights", "Running", "Testing"];

it.each(["docs/runtime.md", "docs/guides/first-operator.md", "controllers/compat/README.md"])(
  "links of %s lead somewhere",
  (path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    const targets = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = ""]) => target);
    const dead = targets.filter((target) => !existsSync(join(ROOT, path, "..", target)));
    expect(dead).toEqual([]);
  },
);

describe("docs/runtime.md", () => {
  it("names files and tests that are there", () => {
    const missing = ROWS.flatMap(({ line, cells }) =>
      cells.flatMap(namedIn).flatMap(({ path, titles }) => {
        const file = join(ROOT, path);
        if (!existsSync(file)) return [`line ${line}: no ${path}`];
        if (titles.length === 0) return [];
        const text = readFileSync(file, "utf8");
        return titles
          .filter((title) => !text.includes(`"${title}"`))
          .map((title) => `line ${line}: no test "${title}" in ${path}`);
      }),
    );
    expect(missing).toEqual([]);
  });

  it("names them in many rows", () => {
    const named = ROWS.flatMap(({ cells }) => cells.flatMap(namedIn));
    expect(named.length).toBeGreaterThan(100);
    expect(named.flatMap(({ titles }) => titles).length).toBeGreaterThan(60);
  });

  it("gives each feature a verdict, and says by what it is shown unless it is not there", () => {
    const rows = ROWS.filter(({ section }) => FEATURES.includes(section));
    expect(rows.length).toBeGreaterThan(50);
    const unclear = rows.filter(({ cells }) => {
      const [, , verdict = "", how = "", shown = ""] = cells;
      const isVerdict = ["yes", "part", "no"].includes(verdict);
      return cells.length !== 5 || !isVerdict || how === "" || (verdict === "yes" && shown === "");
    });
    expect(unclear.map(({ line }) => line)).toEqual([]);
  });

  it("lists the metrics that there are, with their labels", async () => {
    const said = new Map<string, readonly string[]>();
    for (const { section, cells } of ROWS) {
      if (section !== "Metrics") continue;
      const [names = "", labels = ""] = cells;
      const plain = labels.replaceAll(/ ?\([^)]*\)/g, "");
      for (const [, name = ""] of names.matchAll(/`([^`]+)`/g)) {
        said.set(name, plain === "" ? [] : plain.split(", ").sort());
      }
    }
    const real = new Map<string, readonly string[]>();
    for (const metric of createMetrics().registry.getMetricsAsArray()) {
      const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
      real.set(metric.name, [...labelNames].sort());
    }
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(real));
  });
});
