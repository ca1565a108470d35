// `npm run e2e [-- JEST ARGUMENTS]`: the tests on a real cluster, or some: `npm run e2e -- scale`.
// The cluster stays up for the next run and for looking around; `npm test` removes its own.
import {
  bringUpE2eCluster,
  E2E_CLUSTER,
  keepE2eLogs,
  prepareClusterPrograms,
} from "./e2e-cluster.ts";
import { runJest } from "./jest.ts";

await prepareClusterPrograms();
await bringUpE2eCluster();
process.exitCode = await runJest(["e2e"], process.argv.slice(2));
if (process.exitCode !== 0) {
  const folder = await keepE2eLogs();
  if (folder !== undefined) console.error(`objects, events and logs: ${folder}`);
}
console.error(`the cluster stays up: npm run cluster -- status --name ${E2E_CLUSTER}`);
console.error(`remove it with: npm run down -- --name ${E2E_CLUSTER}`);
