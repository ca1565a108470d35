// Public face of mutual TLS between our own programs.
export { isAdmitted, uriNames } from "./identity.ts";
export { openTlsFolder, TlsError, TlsFolder } from "./folder.ts";
export type { TlsFolderOptions, TlsMaterial } from "./folder.ts";
