// A part of `npm test` as a program of its own, so that a signal can end it half-way: `programs`
// builds what clusters run on, `up` brings the cluster of the end-to-end tests up.
import { errorMessage } from "#api/base/index.ts";

import { bringUpE2eCluster, prepareClusterPrograms } from "./e2e-cluster.ts";

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  programs: prepareClusterPrograms,
  up: bringUpE2eCluster,
};

const [name = ""] = process.argv.slice(2);
const part = PARTS[name];
if (part === undefined) throw new Error(`one of ${Object.keys(PARTS).join(", ")}`);
try {
  await part();
} catch (cause) {
  console.error(`cluster: ${errorMessage(cause)}`);
  process.exitCode = 1;
}
