// Who a peer is: the URI names in its certificate. Host names are never looked at.
import type { PeerCertificate } from "node:tls";

/**
 * The URI entries of a certificate's subjectAltName as Node prints it: entries separated by ", ",
 * a value with special characters written as a JSON string. Text that is not that yields none.
 */
export function uriNames(subjectAltName: string | undefined): readonly string[] {
  const names: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;
  let position = 0;
  while (subjectAltName !== undefined && position < subjectAltName.length) {
    entry.lastIndex = position;
    const match = entry.exec(subjectAltName);
    if (match === null) return [];
    position = entry.lastIndex;
    const value = match[2] ?? "";
    if (match[1] === "URI") names.push(value.startsWith('"') ? unquote(value) : value);
  }
  return names;
}

/** Is one of the peer's URI names in `admitted`? An absent certificate never is. */
export function isAdmitted(
  peer: PeerCertificate | undefined,
  admitted: ReadonlySet<string>,
): boolean {
  return uriNames(peer?.subjectaltname).some((name) => admitted.has(name));
}

function unquote(text: string): string {
  const value: unknown = JSON.parse(text);
  return typeof value === "string" ? value : "";
}
