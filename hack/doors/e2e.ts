// `npm run e2e [-- JEST ARGUMENTS]`: the tests on a real cluster, or some: `npm run e2e -- scale`.
import { runJest } from "./jest.ts";

process.exitCode = await runJest(["e2e"], process.argv.slice(2));
