// What the gRPC library says of a connection, as a user reads it in a status.

/**
 * The cause alone: `connect ECONNREFUSED 10.0.0.7:8082` out of `No connection established. Last
 * error: Error: connect ECONNREFUSED 10.0.0.7:8082. Resolution note: `. Other texts stay.
 */
export function plainWords(details: string): string {
  const [, cause = ""] =
    /^No connection established\. Last error: (?:Error: )?(.*?)(?:\. Resolution note: .*)?$/.exec(
      details,
    ) ?? [];
  return cause === "" || cause === "null" ? details : cause;
}
