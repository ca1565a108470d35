// The applied state of a meta group, fed by the log of its Raft group.
import { assert } from "#api/base/index.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { MetaState } from "#workloads/core/meta/index.ts";
import {
  applyMeta,
  decodeCommand,
  decodeState,
  EMPTY_META_STATE,
  encodeOutcome,
  encodeState,
  isBootstrapped,
} from "#workloads/core/meta/index.ts";
import { objectKey } from "#workloads/core/store/index.ts";

import type { GroupCommand, GroupMachine, GroupReader, GroupWriter } from "./raft/group.ts";
import { decodeSpec } from "./spec.ts";

const NOTHING = new Uint8Array(0);
/** The one record of the state. */
const RECORD = "generation";

/** See the top of the file. */
export class MetaMachine implements GroupMachine {
  readonly #onChange: () => void;
  #state: MetaState = EMPTY_META_STATE;
  #committed: CollectionSpec | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Number of the newest generation; 0 = none. */
  get generation(): bigint {
    return this.#state.generation;
  }

  /** The newest generation; undefined = none. */
  get committed(): CollectionSpec | undefined {
    return this.#committed;
  }

  load(state: GroupReader): void {
    const stored = state.get(objectKey(state.number, RECORD));
    const decoded = stored === undefined ? EMPTY_META_STATE : decodeState(stored.value);
    assert(decoded !== undefined, "the state of the meta group is of a release that is known");
    this.#take(decoded);
  }

  apply(command: GroupCommand, writer: GroupWriter): Uint8Array {
    const asked = decodeCommand(command.data);
    // Of a later release, which proposes it only once every member knows it.
    assert(asked !== undefined, "the meta group's commands are of a release that is known");
    const { state, outcome } = applyMeta(this.#state, asked);
    if (state !== this.#state) {
      writer.set(objectKey(writer.number, RECORD), encodeState(state));
      this.#take(state);
    }
    return encodeOutcome(outcome);
  }

  seal(): Uint8Array {
    return NOTHING;
  }

  #take(state: MetaState): void {
    this.#state = state;
    this.#committed = isBootstrapped(state) ? decodeSpec(state.content) : undefined;
    this.#onChange();
  }
}
