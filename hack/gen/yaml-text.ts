// YAML as kubectl reads it. kubectl is a reader of YAML 1.1, where `y`, `on` and `1:30` are no
// strings; the writer must quote for it.

import { stringify } from "yaml";

/** A document as text: block style, 100 columns, every string one in YAML 1.1 and 1.2. */
export function yamlText(document: unknown): string {
  return stringify(document, {
    version: "1.1",
    lineWidth: 100,
    aliasDuplicateObjects: false,
  }).replace(/^%YAML 1\.1\n---\n/, "");
}
