// Structured log on stderr, one line per event, behind the port of api/base. JSON for machines,
// `time LEVEL message key=value` for people.
import { writeSync } from "node:fs";

import type { Logger as PinoLogger } from "pino";
import { pino } from "pino";

import type { LogFields, Logger } from "#api/base/index.ts";

/** How to log. `write` gets whole lines; the default is a synchronous write to stderr. */
export interface LogOptions {
  readonly service: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "plain";
  readonly write?: (line: string) => void;
}

/** A logger whose last line before an exit is never lost: writes are synchronous. */
export function createLogger(options: LogOptions): Logger {
  const write = options.write ?? writeStderr;
  const destination = {
    write: (line: string) => write(options.format === "json" ? line : toPlain(line)),
  };
  return wrap(
    pino(
      {
        level: options.level,
        base: { service: options.service },
        messageKey: "message",
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: serializeError },
      },
      destination,
    ),
  );
}

/** A logger that drops everything, for tests. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(logger: PinoLogger): Logger {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { name: error.name, message: error.message, stack: error.stack, ...cause };
}

function toPlain(line: string): string {
  const { time, level, message, service, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest as LogFields).map(([key, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return ` ${key}=${text}`;
  });
  const head = `${String(time)} ${String(level).toUpperCase()} ${String(service)}`;
  return `${head} ${String(message)}${fields.join("")}\n`;
}

// A pipe that is full answers EAGAIN; a log line is not worth ending the process for.
function writeStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch (cause: unknown) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EAGAIN")) throw cause;
    process.stderr.write(line);
  }
}
