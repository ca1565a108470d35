// counter: counts in entry "count" of the object that it is called on.
import { runFunctions } from "../../index.ts";
import { counterFunctions } from "./counter.ts";

await runFunctions("fn-counter", { env: process.env, args: process.argv.slice(2) }, ({ objects }) =>
  counterFunctions(objects),
);
