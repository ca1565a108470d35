// Jest transform: the same type stripping that Node itself does, so that a test runs the text that
// production runs. Positions are kept (types become blanks), so no source map is needed.
import { stripTypeScriptTypes } from "node:module";

export default {
  process(sourceText) {
    return { code: stripTypeScriptTypes(sourceText, { mode: "strip" }) };
  },
};
