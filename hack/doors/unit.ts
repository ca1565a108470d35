// `npm run unit [-- JEST ARGUMENTS]`: the tests that need no network, disk, cluster or sleep.
// `--golden` (`npm run golden`) rewrites golden files.
import { runJest } from "./jest.ts";

process.exitCode = await runJest(["unit"], process.argv.slice(2));
