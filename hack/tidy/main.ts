// `npm run tidy`: prints every finding; exit code 1 if there is one.
import { join } from "node:path";

import { formatFinding, tidyRepository } from "./index.ts";

if (process.argv.includes("--help")) {
  console.log(
    "npm run tidy: layers, sizes, banned calls, cycles, comments; see hack/tidy/README.md",
  );
} else {
  const findings = await tidyRepository(join(import.meta.dirname, "..", ".."));
  for (const finding of findings) console.log(formatFinding(finding));
  console.log(findings.length === 0 ? "tidy" : `${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
