// Jest transform: the same type stripping that Node itself does, so that a test runs the text that
// production runs. Positions are kept (types become blanks), so no source map is needed. A
// deliberate bug of hack/mutants comes in here, and is part of the key of the transform's cache.
import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";

import { mutated, mutationOf } from "./mutants/apply.mjs";

export default {
  getCacheKey(sourceText, sourcePath) {
    const parts = [process.version, sourcePath, mutationOf(sourcePath), sourceText];
    return createHash("sha256").update(parts.join("\0")).digest("hex");
  },
  process(sourceText, sourcePath) {
    return { code: stripTypeScriptTypes(mutated(sourceText, sourcePath), { mode: "strip" }) };
  },
};
