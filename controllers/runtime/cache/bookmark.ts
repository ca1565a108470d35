// Bookmarks of a watch, and how metadata alone is asked for.
import { TransportError } from "../client/errors.ts";

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** What a bookmark says; `ends`: the streamed list is complete. Throws TransportError for none. */
export function readBookmark(object: unknown): {
  readonly version: string;
  readonly ends: boolean;
} {
  const metadata = (object as { readonly metadata?: Record<string, unknown> } | null)?.metadata;
  const version = metadata?.["resourceVersion"];
  if (typeof version !== "string") throw new TransportError("bookmark without a version");
  const annotations = metadata?.["annotations"] as Record<string, unknown> | undefined;
  return { version, ends: annotations?.[INITIAL_EVENTS_END] === "true" };
}

/** The `accept` of a metadata-only answer: `PartialObjectMetadata`, or the list of them. */
export function partial(kind: string): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}
