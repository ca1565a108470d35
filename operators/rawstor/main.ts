// The rawstor operator: options from outside, signals, exit code.
import { createJsonLogger, runOperator } from "#controllers/runtime/index.ts";

import { start } from "./controllers.ts";
import { parseOptions } from "./options.ts";

const NAME = "rawstor-operator";
const options = parseOptions(process.argv.slice(2));
const log = createJsonLogger(NAME, options.logLevel);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    log.info("stopping", { signal });
    stop.abort();
  });
}
process.exitCode = await runOperator({ name: NAME, options, log, signal: stop.signal, start });
