// `npm test [-- --only unit,lint]`: everything, cheapest first. Ends with the line
// `N passed, N failed`, in which every test and every static check counts as one, and with exit
// code 1 if anything failed.
import { ALL_STEPS, runDoor } from "./steps.ts";

process.exitCode = await runDoor(ALL_STEPS, process.argv.slice(2));
