// A logger that tests can read.

import type { LogFields, Logger } from "#api/base/index.ts";

/** One line. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps every line in `lines`, which children share. */
export function memoryLogger(
  lines: LogLine[] = [],
  bound: LogFields = {},
): Logger & { readonly lines: readonly LogLine[] } {
  const log =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...bound, ...fields } });
    };
  return {
    lines,
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: (fields) => memoryLogger(lines, { ...bound, ...fields }),
  };
}
