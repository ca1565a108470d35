// echo: answers the payload that it got, under the content type that it came with.
import { runFunctions } from "../../index.ts";
import { echo } from "./echo.ts";

await runFunctions("fn-echo", { env: process.env, args: process.argv.slice(2) }, () => ({
  "*": echo,
}));
