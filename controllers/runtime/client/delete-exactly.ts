// Deletes one object and never its successor of the same name: for ports that have a pod or a claim
// made anew.

import type { Kind } from "../kinds/kind.ts";
import type { Client } from "./client.ts";
import { isStatus } from "./errors.ts";

/** An object that was seen: its place and which one it was. */
export interface ExactObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * Deletes the object of this uid in the background. `going`: it is on its way or gone. `conflict`:
 * another one has its name, or the server would not decide just now (409 says both); whoever still
 * sees it after a while asks again. Throws what {@link Client.delete} throws otherwise.
 */
export async function deleteExactly(
  client: Pick<Client, "delete">,
  kind: Kind,
  { namespace, name, uid }: ExactObject,
): Promise<"going" | "conflict"> {
  try {
    await client.delete(kind, { namespace, name }, { uid });
    return "going";
  } catch (cause) {
    if (!isStatus(cause, 409)) throw cause;
    return "conflict";
  }
}
