// Logs of an operator: one JSON line per event on standard output, by pino.

import { pino, stdTimeFunctions } from "pino";
import type { DestinationStream, Logger as Pino } from "pino";

import type { LogFields, Logger } from "#api/base/index.ts";

/** Least severe level that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Names of fields whose values never leave the process, wherever they stand. */
const SECRET_FIELDS = ["authorization", "token", "password", "clientKey", "data", "stringData"];

/**
 * A logger with `name` as `service` in every line. Errors in `cause` and `error` are written with
 * type, message and stack; fields that may hold secrets are replaced by `[redacted]`, at the top
 * level and one below. `destination` is standard output if not given.
 */
export function createJsonLogger(
  name: string,
  level: LogLevel,
  destination?: DestinationStream,
): Logger {
  const error = (value: unknown): unknown =>
    value instanceof Error
      ? { type: value.name, message: value.message, stack: value.stack }
      : value;
  const options = {
    level,
    base: { service: name },
    timestamp: stdTimeFunctions.isoTime,
    messageKey: "message",
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { cause: error, error },
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
      censor: "[redacted]",
    },
  };
  // Not a system call per line: what comes while one is under way goes out with the next, and at
  // the latest when the process ends.
  return wrap(pino(options, destination ?? pino.destination({ dest: 1, sync: false })));
}

function wrap(log: Pino): Logger {
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      log[level](fields, message);
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => wrap(log.child(fields)),
  };
}
