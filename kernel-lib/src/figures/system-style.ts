import { SERIES_COLORS } from "./theme";

/** How a system looks in every figure. */
export interface SystemStyle {
  readonly key: string;
  readonly label: string;
  readonly color: string;
}

const KNOWN: readonly (SystemStyle & { readonly pattern: RegExp })[] = [
  { key: "closed-book", label: "Closed-book", color: "#767676", pattern: /^closedbook/ },
  { key: "ft-rag", label: "FT RAG", color: "#c77f00", pattern: /^(ftrag|rag|frozenrag|ragfrozen)$/ },
  { key: "text-head", label: "+ text head", color: "#3d9bd1", pattern: /^(ftrag|jomed)?texthead$|^jomedtext$/ },
  { key: "image-head", label: "+ image head", color: "#7d5fb2", pattern: /^(ftrag)?imagehead$/ },
  { key: "jomed", label: "JOMED", color: "#005b96", pattern: /^jomed$|^(ftrag|jomed)?textimagehead$|^bothheads$/ },
  { key: "oracle", label: "Oracle", color: "#00795a", pattern: /^oracle$/ },
];

/** The key by which two spellings of one system are matched: "FT RAG (Qwen2-VL)" and "ft-rag" give "ft-rag". */
export function systemKey(name: string): string {
  const bare = name
    .toLowerCase()
    .replace(/\([^)]*\)/g, "")
    .replace(/[^a-z0-9]/g, "");
  return KNOWN.find((known) => known.pattern.test(bare))?.key ?? bare;
}

/** Labels and fixed colours for systems; unknown ones take the free colours in their order. */
export function systemStyles(names: readonly string[]): Map<string, SystemStyle> {
  const styles = new Map<string, SystemStyle>();
  const free = [SERIES_COLORS[3]!, SERIES_COLORS[5]!, SERIES_COLORS[6]!, SERIES_COLORS[7]!, SERIES_COLORS[2]!];
  const taken = new Set<string>();
  let next = 0;
  for (const name of names) {
    const known = KNOWN.find((entry) => entry.key === systemKey(name));
    if (known !== undefined && !taken.has(known.key)) {
      taken.add(known.key);
      styles.set(name, { key: known.key, label: known.label, color: known.color });
    } else {
      styles.set(name, { key: name, label: name, color: known?.color ?? free[next++ % free.length]! });
    }
  }
  return styles;
}
