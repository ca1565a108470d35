// A run of two steps for signals.test.ts, each a program that starts another one and goes on until
// it is stopped. It says who is there.
import { runNode } from "#hack/doors/run-node.ts";
import { exitCodeOf, inSequence, Signals } from "#hack/doors/signals.ts";

const FOREVER = "setInterval(() => {}, 1000);";
const PROGRAM = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", ${JSON.stringify(FOREVER)}]);
  console.log("pids " + process.pid + " " + child.pid);
  ${FOREVER}
`;

const signals = new Signals();
const signal = await inSequence(signals, ["one", "two"], async (step) => {
  console.log(`step ${step}`);
  const code = await runNode(["-e", PROGRAM], { ended: signals.ended });
  console.log(`step ${step} ended with ${code}`);
});
signals.close();
if (signal !== undefined) process.exitCode = exitCodeOf(signal);
