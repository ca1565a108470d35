// The fields of an OstTarget that are served; see design "a set field is honoured or refused".

/** Paths below `spec`; anything else that is set is refused as Unsupported. */
export const served: readonly string[] = [
  "capacity",
  "image",
  "nodeName",
  "path",
  "resources",
  "topology",
  "volumeClaimTemplate",
];
