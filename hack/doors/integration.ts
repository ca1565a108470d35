// `npm run integration [-- JEST ARGUMENTS]`: tests that need sockets, disks or a control plane but
// no kubelet: the conformance suites, the simulation and the integration tests.
import { runJest } from "./jest.ts";

process.exitCode = await runJest(
  ["conformance", "simulation", "integration"],
  process.argv.slice(2),
);
