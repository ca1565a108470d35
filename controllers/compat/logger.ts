// The engine's structured log on an OperatorLogger, which takes text only.

import type { LogFields, Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

import type { OperatorLogger } from "./resource.ts";

/** Says nothing; what an operator without a logger gets. */
export const SILENT: OperatorLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Fields follow the message as JSON; errors are told by their message. */
export function structured(logger: OperatorLogger, bound: LogFields = {}): Logger {
  const line = (message: string, fields: LogFields = {}): string => {
    const all = { ...bound, ...fields };
    if (Object.keys(all).length === 0) return message;
    const text = JSON.stringify(all, (_name, value: unknown) =>
      value instanceof Error ? errorMessage(value) : value,
    );
    return `${message} ${text}`;
  };
  return {
    debug: (message, fields) => logger.debug(line(message, fields)),
    info: (message, fields) => logger.info(line(message, fields)),
    warn: (message, fields) => logger.warn(line(message, fields)),
    error: (message, fields) => logger.error(line(message, fields)),
    child: (fields) => structured(logger, { ...bound, ...fields }),
  };
}
