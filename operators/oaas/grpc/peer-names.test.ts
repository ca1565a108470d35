import "reflect-metadata";
import { X509Certificate } from "node:crypto";

import * as x509 from "@peculiar/x509";
import { describe, expect, it } from "@jest/globals";

import { createAuthority, defaultAuthorityPolicy } from "../certificates/authority.ts";
import { uriNames } from "./peer-names.ts";

const OPERATOR = "spiffe://u/ns/oaas-system/operator";

/** What Node says about a certificate with these names. */
async function printed(names: readonly { readonly type: string; readonly value: string }[]) {
  const { privateKeyPem, certificatePem } = await createAuthority(
    defaultAuthorityPolicy,
    Date.now(),
  );
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const signer = new x509.X509Certificate(certificatePem);
  const key = await crypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(privateKeyPem),
    algorithm,
    false,
    ["sign"],
  );
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=x",
    issuer: signer.subject,
    signingAlgorithm: algorithm,
    publicKey: signer.publicKey,
    signingKey: key,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return new X509Certificate(certificate.toString("pem")).subjectAltName ?? "";
}

describe("uriNames", () => {
  it("reads the names that our own certificates carry", async () => {
    expect(uriNames(await printed([{ type: "url", value: OPERATOR }]))).toEqual([OPERATOR]);
  });

  it("reads several, between names of other kinds", async () => {
    const text = await printed([
      { type: "dns", value: "a.example" },
      { type: "url", value: "spiffe://u/one" },
      { type: "ip", value: "10.0.0.1" },
      { type: "url", value: "spiffe://u/two" },
    ]);
    expect(uriNames(text)).toEqual(["spiffe://u/one", "spiffe://u/two"]);
  });

  it.each([
    ["a DNS name that pretends to go on", { type: "dns", value: `a, URI:${OPERATOR}, b` }],
    ["one with a quote", { type: "dns", value: `a", URI:${OPERATOR}` }],
    ["one with a backslash and a quote", { type: "dns", value: `a\\", URI:${OPERATOR}` }],
    ["a mail address", { type: "email", value: `"a, URI:${OPERATOR}"@b` }],
  ])("takes no identity from %s", async (_name, crafted) => {
    const text = await printed([crafted]);
    expect(text).toContain(OPERATOR);
    expect(uriNames(text)).toEqual([]);
  });

  it("keeps a URI with a comma as the one name that it is", async () => {
    const crafted = `spiffe://u/x, URI:${OPERATOR}`;
    expect(uriNames(await printed([{ type: "url", value: crafted }]))).toEqual([crafted]);
  });

  it.each([
    ["", []],
    ["nonsense", []],
    [`URI:${OPERATOR}, `, []],
    [`URI:${OPERATOR},URI:other`, []],
    [`URI:"${OPERATOR}`, []],
    [`URI:"${OPERATOR}"x`, []],
    ['URI:"\\x"', []],
    [`, URI:${OPERATOR}`, []],
    [`IP Address:10.0.0.1, URI:${OPERATOR}`, [OPERATOR]],
  ])("reads %j as %j", (text, want) => {
    expect(uriNames(text)).toEqual(want);
  });
});
