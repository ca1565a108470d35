// Reads the subjectAltName of a peer's certificate as Node prints it. Names come from whoever asked
// for the certificate, so the text is scanned entry by entry: a DNS name that contains
// ", URI:spiffe://..." is quoted by Node and stays one DNS name.

/** `Kind:`, and then a JSON string or text without `,` and `"`, at the position of the scan. */
const ENTRY = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)/y;
const SEPARATOR = ", ";

/**
 * The URI entries of `subjectAltName`, in order. Text that is not entirely made of entries names
 * nobody: half-understood names must not authorise anybody.
 */
export function uriNames(subjectAltName: string): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at < subjectAltName.length;) {
    ENTRY.lastIndex = at;
    const [whole, kind, value] = ENTRY.exec(subjectAltName) ?? [];
    if (whole === undefined || value === undefined) return [];
    at += whole.length;
    const last = at === subjectAltName.length;
    if (!last && !subjectAltName.startsWith(SEPARATOR, at)) return [];
    if (!last) at += SEPARATOR.length;
    if (!last && at === subjectAltName.length) return [];
    if (kind !== "URI") continue;
    const name = value.startsWith('"') ? unquoted(value) : value;
    if (name === undefined) return [];
    names.push(name);
  }
  return names;
}

/** Text of a JSON string; undefined if it is none. */
function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
