// Logger of operators: one JSON line per message on stdout, through pino.
import type { LogFields, Logger } from "#api/base/index.ts";
import type { Logger as Pino } from "pino";
import { pino } from "pino";

/** Least level that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

class JsonLogger implements Logger {
  readonly #pino: Pino;

  constructor(base: Pino) {
    this.#pino = base;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new JsonLogger(this.#pino.child(fields));
  }
}

/** A logger whose lines carry `service`, level as text and an ISO time. Written synchronously. */
export function createJsonLogger(name: string, level: LogLevel): Logger {
  return new JsonLogger(
    pino({
      level,
      base: { service: name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    }),
  );
}
