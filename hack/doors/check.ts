// `npm run check [-- --only types,tidy]`: what needs no cluster; the same count at the end.
import { CHECK_STEPS, runDoor } from "./steps.ts";

process.exitCode = await runDoor(CHECK_STEPS, process.argv.slice(2));
