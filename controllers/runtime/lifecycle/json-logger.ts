// Logs of an operator: one JSON line per event on standard output, by pino.

import { pino, stdTimeFunctions } from "pino";
import type { DestinationStream, Logger as Pino } from "pino";

import type { LogFields, Logger } from "#api/base/index.ts";

/** Least severe level that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Names of fields whose values never leave the process, wherever they stand. */
const SECRET_FIELDS = ["authorization", "token", "password", "clientKey", "data", "stringData"];

/**
 * Lines go out by the page, after a tenth of a second, and at the latest when the process ends: a
 * system call per line would cost more than the pass that it tells of.
 */
const PAGE_BYTES = 4_096;
const FLUSH_MS = 100;

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
  if (destination !== undefined) return wrap(pino(options, destination), () => undefined);
  const output = pino.destination({ dest: 1, sync: false, minLength: PAGE_BYTES });
  return wrap(
    pino(options, output),
    delayed(() => output.flush()),
  );
}

function wrap(log: Pino, written: () => void): Logger {
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      log[level](fields, message);
      written();
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => wrap(log.child(fields), written),
  };
}

/** Calls `action` a while after the first of any number of calls; never keeps the process alive. */
function delayed(action: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      action();
    }, FLUSH_MS).unref();
  };
}
