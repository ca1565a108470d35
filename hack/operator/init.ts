// A folder for an operator of one's own: the files of docs/guides/first-operator.md, whose kind
// gets another name. What a test follows line by line is what people start from. Pure.

import { filesOf, readBlocks } from "./guide.ts";

/** What is to be made. */
export interface Scaffold {
  /** Text of the guide. */
  readonly guide: string;
  /** One capitalised word, such as `Site`. */
  readonly kind: string;
  /** Of the package: the name of the new folder. */
  readonly name: string;
  /** From the new folder to this repository, as npm's `file:` takes it. */
  readonly clone: string;
}

/** The command was called with something that no folder can be made of. */
export class ScaffoldError extends Error {
  override readonly name = "ScaffoldError";
}

/** Names of the guide's own kind, in the forms in which they stand there. */
const FORMS: readonly ((kind: string) => string)[] = [
  (kind) => kind,
  (kind) => kind.toLowerCase(),
  (kind) => kind.toUpperCase(),
];
const KIND = "Page";

/** The files by name. Throws {@link ScaffoldError} for a kind or a folder of another form. */
export function scaffold({ guide, kind, name, clone }: Scaffold): ReadonlyMap<string, string> {
  if (!/^[A-Z][a-z0-9]{1,40}$/.test(kind)) {
    throw new ScaffoldError(`${kind}: a kind is one capitalised word here, such as Site`);
  }
  if (!/^[a-z0-9][-a-z0-9_.]{0,200}$/.test(name)) {
    throw new ScaffoldError(`${name}: npm wants small letters, digits, dashes, and no more`);
  }
  const renamed = (text: string): string =>
    FORMS.reduce((sum, form) => sum.replaceAll(form(KIND), form(kind)), text);
  const files = [...filesOf(readBlocks(guide))].map(([file, text]): [string, string] => {
    if (file !== "package.json") return [renamed(file), renamed(text)];
    const manifest = JSON.parse(text) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const dependencies = { ...manifest.dependencies, "oaas-operator": `file:${clone}` };
    return [file, `${JSON.stringify({ ...manifest, name, dependencies }, null, 2)}\n`];
  });
  return new Map(files);
}
