// Comments: two markers and no others, an opening paragraph per file, a doc comment per exported
// symbol, and a reason beside everything that silences a checker.
import type { FileFacts, Finding } from "../model.ts";
import { isTestOnly } from "./layers.ts";

/** Marker words as whole words; the two good ones begin with @ and are judged apart. */
const MARKER = /(?:^|[^\w@])(TODO|FIXME|XXX|HACK)\b(?!\w)/;
const GOOD_TODO = /@TODO\(#\d+\)/;
const SILENCERS = [
  { pattern: /@ts-(ignore|nocheck)/, message: "use @ts-expect-error with a reason" },
  { pattern: /@ts-expect-error\s*$/m, message: "@ts-expect-error without a reason" },
  { pattern: /eslint-disable(?!.*-- \S)/, message: "eslint-disable without `-- reason`" },
] as const;

/** Findings in comments. */
export function checkComments(files: readonly FileFacts[]): readonly Finding[] {
  return files.flatMap((file) => [...markers(file), ...opening(file), ...docs(file)]);
}

function markers(file: FileFacts): readonly Finding[] {
  return (file.syntax?.comments ?? []).flatMap(({ text, line }) => {
    const found = (message: string): Finding => ({
      rule: "markers",
      path: file.path,
      line,
      message,
    });
    const findings = SILENCERS.filter(({ pattern }) => pattern.test(text)).map(({ message }) =>
      found(message),
    );
    const marker = MARKER.exec(text)?.[1];
    if (marker !== undefined) {
      findings.push(found(`${marker}: the markers are @NOTE and @TODO(#issue)`));
    } else if (text.includes("@TODO") && !GOOD_TODO.test(text)) {
      findings.push(found("@TODO without its issue: @TODO(#12)"));
    }
    return findings;
  });
}

function opening(file: FileFacts): readonly Finding[] {
  if (file.syntax === undefined || isTestOnly(file.path) || file.syntax.opensWithComment) return [];
  const message = "a file opens with a short paragraph: what problem, what idea";
  return [{ rule: "opening", path: file.path, line: 1, message }];
}

function docs(file: FileFacts): readonly Finding[] {
  if (file.syntax === undefined || isTestOnly(file.path)) return [];
  return file.syntax.undocumentedExports.map(({ text, line }) => ({
    rule: "exports",
    path: file.path,
    line,
    message: `${text} is exported without a doc comment`,
  }));
}
