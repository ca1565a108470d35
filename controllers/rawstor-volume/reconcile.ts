// Declaration of the RawstorVolume controller. The kind is part of the API already, but no volume
// is served yet: every one is refused by name, and nothing is created, changed or pruned.
import { conditions, FIELD_MANAGERS, REASONS } from "#api/meta/index.ts";
import type { RawstorVolume } from "#api/rawstor/v1alpha1/index.ts";
import { RAWSTOR_VOLUME } from "#api/rawstor/v1alpha1/index.ts";
import type { AnyController, Kind } from "#controllers/runtime/index.ts";
import { defineController, defineKind } from "#controllers/runtime/index.ts";

const VOLUME: Kind<RawstorVolume> = defineKind<RawstorVolume>(RAWSTOR_VOLUME);
const MESSAGE = "RawstorVolume is not served by this version: delete it, or upgrade the operator";

/** The controller. */
export function rawstorVolumeController(): AnyController {
  return defineController<
    RawstorVolume,
    { readonly volume: RawstorVolume },
    undefined,
    object,
    never,
    undefined,
    undefined
  >({
    name: "rawstor-volume",
    kind: VOLUME,
    fieldManager: FIELD_MANAGERS.rawstorVolume,
    children: [],
    permissions: [],
    port: undefined,
    defaults: undefined,
    observe: (key, reader) => {
      const volume = reader.get(VOLUME, key);
      return volume === undefined ? undefined : { volume };
    },
    plan: () => undefined,
    render: () => ({
      refused: { reason: REASONS.Unsupported, path: "spec", message: MESSAGE },
    }),
    computeStatus: () => ({
      fields: {},
      conditions: [
        {
          type: conditions.READY,
          status: "False",
          reason: REASONS.Unsupported,
          message: MESSAGE,
        },
      ],
    }),
  });
}
