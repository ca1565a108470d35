// `node --import hack/mutants/hook.mjs PROGRAM`: a program of this repository with the deliberate bug
// that the environment names; see apply.mjs.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

import { mutated, mutationOf } from "./apply.mjs";

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.startsWith("file:")) return loaded;
    const path = fileURLToPath(url);
    if (mutationOf(path) === "") return loaded;
    const text = Buffer.from(loaded.source).toString("utf8");
    return { ...loaded, source: mutated(text, path) };
  },
});
