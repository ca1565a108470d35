// random: fills an object with random JSON.
import { runFunctions } from "../../index.ts";
import { randomFunction } from "./random.ts";

await runFunctions(
  "fn-random",
  { env: process.env, args: process.argv.slice(2) },
  ({ objects }) => ({ "*": randomFunction(objects) }),
);
