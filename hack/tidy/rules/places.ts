// Names of files, and traces of one machine in what is committed: its folders, and the hosts that
// packages were fetched from.
import type { FileFacts, Finding } from "../model.ts";

const SOURCE_FOLDERS = ["api", "controllers", "operators", "workloads", "hack", "test"];
const EMPTY_NAMES = /^(utils?|helpers?|common|misc|manager|impl|shared|lib)(\.|$)/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;

/** A path of one machine, or the host of a package index. Written so as not to match themselves. */
const TRACES: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  { pattern: /(^|[\s"'`(=:])\/(work|root|home\/\w+)\/\w/, message: "a path of one machine" },
  { pattern: /\/tmp\/brief\b/, message: "a path of one machine" },
  {
    pattern: /\b(registry\.npmjs|registry\.yarnpkg|proxy\.golang|index\.crates|static\.crates)\./,
    message: "the host of a package index",
  },
  {
    pattern: /\b(deb\.debian|archive\.ubuntu|files\.pythonhosted)\./,
    message: "the host of a package index",
  },
];

/** File names that say nothing, and traces of one machine. */
export function checkPlaces(files: readonly FileFacts[]): readonly Finding[] {
  return files.flatMap((file) => [...badNames(file), ...traces(file)]);
}

function badNames(file: FileFacts): readonly Finding[] {
  const segments = file.path.split("/");
  if (!SOURCE_FOLDERS.includes(segments[0] ?? "") || file.path.includes("/testdata/")) return [];
  const found = (message: string): Finding => ({
    rule: "names",
    path: file.path,
    line: 1,
    message,
  });
  const findings = segments
    .filter((segment) => EMPTY_NAMES.test(segment))
    .map((segment) => found(`"${segment}" says nothing about what is in it`));
  const name = segments.at(-1) ?? "";
  if (name.endsWith(".ts") && !KEBAB_CASE.test(name.replace("_pb.ts", ".ts"))) {
    findings.push(found("file names are kebab-case"));
  }
  return findings;
}

function traces(file: FileFacts): readonly Finding[] {
  return file.lines.flatMap((text, index) =>
    TRACES.filter(({ pattern }) => pattern.test(text)).map(({ message }) => {
      return { rule: "places" as const, path: file.path, line: index + 1, message };
    }),
  );
}
