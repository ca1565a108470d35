// Which folder may import which. The compiler refuses a wrong-way import between projects; this
// rule also sees what lies within one project: kind to kind, image to image, production to testing.
// Source: docs/ARCHITECTURE.md, "Layers".
import { posix } from "node:path";

import type { FileFacts, Finding } from "../model.ts";

/** The layer of a file, and the unit within it: a kind, an image, an operator. */
export interface Place {
  readonly layer: Layer;
  readonly unit: string;
}

/** Layers by folder; `c` is the control plane, `d` the data plane. */
export type Layer =
  | "0 base"
  | "1 api"
  | "2c objects"
  | "2c pure kind"
  | "2d core"
  | "3c runtime"
  | "3c compat"
  | "3d platform"
  | "3d rawstor"
  | "3d sdk"
  | "4c kind"
  | "4d image"
  | "5 operator"
  | "6 tools";

const BELOW_CONTROL: readonly Layer[] = ["0 base", "1 api", "2c objects"];
const BELOW_DATA: readonly Layer[] = ["0 base", "1 api", "2d core"];

/** What a layer may import besides its own unit. */
const ALLOWED: Readonly<Record<Layer, readonly Layer[]>> = {
  "0 base": [],
  "1 api": ["0 base"],
  "2c objects": ["0 base", "1 api"],
  "2c pure kind": BELOW_CONTROL,
  "2d core": ["0 base", "1 api"],
  "3c runtime": BELOW_CONTROL,
  "3c compat": [...BELOW_CONTROL, "3c runtime"],
  "3d platform": BELOW_DATA,
  "3d rawstor": [...BELOW_DATA, "3d platform"],
  "3d sdk": [...BELOW_DATA, "3d platform"],
  "4c kind": [...BELOW_CONTROL, "3c runtime"],
  "4d image": [...BELOW_DATA, "3d platform", "3d rawstor", "3d sdk"],
  "5 operator": [...BELOW_CONTROL, "2c pure kind", "3c runtime", "4c kind"],
  "6 tools": [],
};

/**
 * Folders of controllers/runtime, from the bottom: values come from earlier ones only. Types may be
 * named everywhere: what a controller says is a word of all folders.
 */
const RUNTIME_FOLDERS: readonly string[] = [
  "base",
  "kinds",
  "queue",
  "fields",
  "client",
  "cache",
  "finalizers",
  "apply",
  "conditions",
  "controller",
  "lifecycle",
  "plan",
];

/** Layers that compile without Node and know no clock, randomness or I/O. */
const PURE: readonly Layer[] = ["0 base", "1 api", "2c objects", "2c pure kind", "2d core"];

const PURE_KIND_FILE = /^(render|plan|status|fields|permissions)(\.ts$|\/)/;

/** The place of a file; undefined if it is in none of the source folders. */
export function placeOf(path: string): Place | undefined {
  const [top = "", second = "", ...rest] = path.split("/");
  const below = rest.join("/");
  if (top === "test" || top === "hack" || isTestOnly(path)) return { layer: "6 tools", unit: top };
  switch (top) {
    case "api":
      return second === "base"
        ? { layer: "0 base", unit: "api/base" }
        : { layer: "1 api", unit: "api" };
    case "controllers":
      return placeOfController(second, below);
    case "operators":
      return { layer: "5 operator", unit: `operators/${second}` };
    case "workloads":
      return placeOfWorkload(second, rest);
    default:
      return undefined;
  }
}

/** True for files that only tests and tools may import. */
export function isTestOnly(path: string): boolean {
  return path.endsWith(".test.ts") || path.includes("/testing/") || path.includes("/testdata/");
}

/** True if the file belongs to a pure layer. */
export function isPure(path: string): boolean {
  const place = placeOf(path);
  return place !== undefined && PURE.includes(place.layer);
}

function placeOfController(folder: string, below: string): Place {
  const unit = `controllers/${folder}`;
  if (folder === "objects") return { layer: "2c objects", unit };
  if (folder === "runtime") return { layer: "3c runtime", unit };
  if (folder === "compat") return { layer: "3c compat", unit };
  return { layer: PURE_KIND_FILE.test(below) ? "2c pure kind" : "4c kind", unit };
}

function placeOfWorkload(folder: string, rest: readonly string[]): Place {
  const unit = `workloads/${folder}`;
  if (folder === "core") return { layer: "2d core", unit };
  if (folder === "platform") return { layer: "3d platform", unit };
  if (folder === "rawstor") return { layer: "3d rawstor", unit };
  if (folder !== "sdk") return { layer: "4d image", unit };
  if (rest[0] !== "samples") return { layer: "3d sdk", unit };
  return { layer: "4d image", unit: `${unit}/samples/${rest[1] ?? ""}` };
}

/** The repository path that an import means; undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1);
  if (!specifier.startsWith(".")) return undefined;
  return posix.join(posix.dirname(from), specifier);
}

/** Imports that go the wrong way. */
export function checkLayers(files: readonly FileFacts[]): readonly Finding[] {
  return files.flatMap((file) =>
    (file.syntax?.imports ?? []).flatMap(({ specifier, line, isTypeOnly }) => {
      const target = resolveImport(file.path, specifier);
      const message = target === undefined ? undefined : refusalOf(file.path, target, isTypeOnly);
      return message === undefined
        ? []
        : [{ rule: "layers" as const, path: file.path, line, message }];
    }),
  );
}

/** Why `from` may not import `to`; undefined if it may. `isTypeOnly`: nothing of it at run time. */
export function refusalOf(from: string, to: string, isTypeOnly = false): string | undefined {
  const source = placeOf(from);
  const target = placeOf(to);
  if (source === undefined || target === undefined || source.layer === "6 tools") return undefined;
  if (target.layer === "6 tools") return `${to} is for tests and tools only`;
  if (!isTypeOnly && isUpwardInRuntime(from, to)) return `${to} is above ${from}`;
  if (isSameUnit(source, target)) return undefined;
  if (ALLOWED[source.layer].includes(target.layer)) return undefined;
  if (source.layer === target.layer) return `${source.unit} may not import ${target.unit}`;
  return `layer ${source.layer} may not import layer ${target.layer} (${to})`;
}

function isUpwardInRuntime(from: string, to: string): boolean {
  const [source = -1, target = -1] = [from, to].map((path) => {
    const [top, unit, folder = ""] = path.split("/");
    return top === "controllers" && unit === "runtime" ? RUNTIME_FOLDERS.indexOf(folder) : -1;
  });
  return source >= 0 && target > source;
}

/** Within a unit everything goes, except that the pure files of a kind do not know the others. */
function isSameUnit(source: Place, target: Place): boolean {
  if (source.unit !== target.unit) return false;
  return source.layer !== "2c pure kind" || target.layer === "2c pure kind";
}
