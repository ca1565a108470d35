// Limits on length. Tests and golden data may be as long as they need to be.
import type { FileFacts, Finding, RuleName } from "../model.ts";
import { isTestOnly } from "./layers.ts";

const LINE_COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 500;

/** Lines, functions and files that are too long. */
export function checkSizes(files: readonly FileFacts[]): readonly Finding[] {
  return files
    .filter((file) => file.syntax !== undefined && !isTestOnly(file.path))
    .filter((file) => !file.path.startsWith("test/"))
    .flatMap((file) => [...longLines(file), ...longFunctions(file), ...longFile(file)]);
}

function longLines(file: FileFacts): readonly Finding[] {
  return file.lines.flatMap((text, index) => {
    const columns = [...text].length;
    if (columns <= LINE_COLUMNS_MAX) return [];
    return [tooLong("line-length", file.path, index + 1, "line", columns, LINE_COLUMNS_MAX)];
  });
}

function longFunctions(file: FileFacts): readonly Finding[] {
  return (file.syntax?.functions ?? [])
    .filter(({ lineCount }) => lineCount > FUNCTION_LINES_MAX)
    .map(({ name, line, lineCount }) =>
      tooLong("function-length", file.path, line, name, lineCount, FUNCTION_LINES_MAX),
    );
}

function longFile(file: FileFacts): readonly Finding[] {
  const lineCount = file.lines.at(-1) === "" ? file.lines.length - 1 : file.lines.length;
  if (lineCount <= FILE_LINES_MAX) return [];
  return [tooLong("file-length", file.path, 1, "file", lineCount, FILE_LINES_MAX)];
}

function tooLong(
  rule: RuleName,
  path: string,
  line: number,
  what: string,
  size: number,
  max: number,
): Finding {
  return { rule, path, line, message: `${what}: ${size}, at most ${max}` };
}
