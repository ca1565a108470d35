// Documents of entries of the type CRDT_MAP: Automerge, in whose format upstream stores them. The
// library is WebAssembly and is loaded only where a shard merges.
import type * as Automerge from "@automerge/automerge/slim";

import { assert } from "#api/base/index.ts";
import type { Documents } from "#workloads/core/merge/index.ts";

let loaded: typeof Automerge | undefined;

/** Loads the library once; must have resolved before {@link automergeDocuments} is used. */
export async function loadDocuments(): Promise<void> {
  if (loaded !== undefined) return;
  const [library, { automergeWasmBase64 }] = await Promise.all([
    import("@automerge/automerge/slim"),
    import("@automerge/automerge/automerge.wasm.base64"),
  ]);
  await library.initializeBase64Wasm(automergeWasmBase64);
  loaded = library;
}

/** Automerge behind the port of the merge core. */
export const automergeDocuments: Documents = {
  merge: (a, b) => {
    const { load, merge, save } = library();
    return save(merge(load(a), load(b)));
  },
  // The heads name the whole history, however it is encoded.
  identity: (document) => {
    const { getHeads, load } = library();
    return Buffer.from([...getHeads(load(document))].sort().join(","));
  },
  isValid: (document) => {
    try {
      library().load(document);
      return true;
    } catch {
      // The library has no other way to say that bytes are no document of its own.
      return false;
    }
  },
};

function library(): typeof Automerge {
  assert(loaded !== undefined, "the library is loaded before a shard that merges is served");
  return loaded;
}
