/*
 * What a picture comes from, under one name. Files name a patient as a number, as text with leading zeros, as "p10000032" or within
 * a path; an article by its number, its address or a file's name. Whatever compares two of them compares the names made here
 * (docs/leaks.md has the rules as a table).
 */

/** What several pictures can have in common. "image": one picture, however it is stored. */
const ENTITY_KINDS = ["patient", "study", "case", "article", "image"] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

/** One patient, study, case, article or picture. */
interface Entity {
  /** Null where nothing says what it is: then it may be the same as anything of this id. */
  readonly kind: EntityKind | null;
  readonly id: string;
}

/** What files write where they do not know. */
const UNKNOWN =
  /^(|[-_.?*]+|nan|nat|none|null|undefined|missing|#?n\/?a|n\.a\.|<na>|unknown|not (stated|known|available|applicable))$/i;

/** Without what nobody sees: the zeros that fill up an identifier of DICOM, marks between letters, line ends. */
const visible = (text: string): string =>
  text
    .replace(/\p{Cf}/gu, "")
    .replace(/\p{Cc}/gu, " ")
    .trim();

/**
 * A cell that names a patient, study, case or article, as text; null where it is empty or says that nothing is known.
 *
 * @throws Error for a value of another type, and for a number that lost digits; its message goes behind the place.
 */
export function entityText(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null;
  const refuse = (got: string): never => {
    throw new Error(`${field} must be a text or a whole number; got ${got}`);
  };
  if (typeof value === "bigint" && value >= 0n) return String(value);
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return String(value);
    return refuse(
      Math.abs(value) > Number.MAX_SAFE_INTEGER ? `${value}, which lost digits: write it as text` : `${value}`,
    );
  }
  if (typeof value !== "string") return refuse(Array.isArray(value) ? "a list" : typeof value);
  const text = visible(value);
  if (/^-\d+(\.\d+)?$/.test(text)) return refuse(text);
  if (/^\d(\.\d+)?e\+\d+$/i.test(text)) return refuse(`${text}, which lost digits: write it in full`);
  return UNKNOWN.test(text) ? null : text;
}

/** Names that say by their form what they are, wherever they stand: in an address, a path, a file's name. */
const FORMS: readonly { readonly kind: EntityKind; readonly form: RegExp; readonly prefix?: string }[] = [
  { kind: "article", form: /(?<![a-z0-9])pmc[-_ :]*0*(\d+)/g },
  { kind: "article", form: /europepmc\.org\/articles?\/pmc\/0*(\d+)/g },
  {
    kind: "article",
    form: /(?:pubmed\.ncbi\.nlm\.nih\.gov\/|nlm\.nih\.gov\/pubmed\/|\bpmid[-_ :]*)0*(\d+)/g,
    prefix: "pmid",
  },
  { kind: "article", form: /(?<![\d.])(10\.\d{4,9}\/[^\s?#]*[^\s?#.,;)/])/g },
  { kind: "patient", form: /(?<![a-z0-9])p(\d{8})(?![a-z0-9])/g }, // MIMIC's
  { kind: "patient", form: /(?<![a-z0-9])sub-([a-z]*\d[a-z0-9]*)(?=[_/])/g }, // BIDS's
  { kind: "study", form: /(?<![a-z0-9])s(\d{8})(?![a-z0-9])/g },
  { kind: "case", form: /medpix\.nlm\.nih\.gov\/\S*[?&](?:id|caseid)=([a-z0-9-]+)/g },
  { kind: "case", form: /(?<![a-z0-9])mpx0*(\d+)/g, prefix: "mpx" },
  { kind: "image", form: /(?<![a-z0-9])synpic0*(\d+)/g, prefix: "synpic" },
];

const KIND_WORDS: readonly (readonly [kind: EntityKind, words: string])[] = [
  ["patient", "patient|pat|pt|p|subject|sub|person|participant|mrn"],
  ["study", "study|exam|accession"],
  ["case", "case"],
  ["article", "article|paper"],
  ["image", "image"],
];

/** A kind in words before a name: "patient-7", "Subject ID: 7", "Patient No. 7", "sub-07", "p7". */
const WORDS = KIND_WORDS.map(([kind, words]) => ({
  kind,
  word: new RegExp(`^(?:${words})\\.?(?:[-_ ]?(?:id|number|no|nr)\\.?)?(?:[-_ :#=]+|(?=\\d))`),
}));

/** One spelling of an id: "007", "7.0" and "7" are one, "MPX-0012" and "mpx12", "{3f25}" and "3f25", '="007"' of a spreadsheet too. */
function spellId(id: string): string {
  const bare = id.replace(/^=?[{[("'`]+|[}\])"'`]+$/g, "");
  const plain = bare.replace(/[\s_]+/g, "-").replace(/^(\d+)\.0+$/, "$1");
  return plain.replace(/^([a-z]*)-?0*(?=\d+$)/, "$1");
}

/** Every form that stands in a text. */
function formsIn(text: string): Entity[] {
  const found: Entity[] = [];
  for (const { kind, form, prefix = "" } of FORMS) {
    for (const [, id] of text.matchAll(form)) found.push({ kind, id: prefix + spellId(id!) });
  }
  return found;
}

const fold = (text: string): string => visible(text.normalize("NFKC")).toLowerCase().replaceAll("%2f", "/");

/** A text behind the word for its kind, "patient-7" or "case: 7"; null where no such word begins it. */
function readWord(text: string): Entity | null {
  const said = WORDS.find(({ word }) => word.test(text));
  return said === undefined ? null : { kind: said.kind, id: text.replace(said.word, "") };
}

/** What a text names: every form in it, else the text itself, without the name of a data set before it. */
function entitiesOf(text: string, kind: EntityKind | null): Entity[] {
  const plain = fold(text);
  const formed = formsIn(plain);
  if (formed.length > 0) return formed;
  const own = plain.replace(/^[a-z][a-z _-]*[/:](?=[^/:]+$)/, "").trim();
  const whole = readWord(plain); // "case: 7" begins with no data set's name, "case-reports/7" with no kind
  const said = whole !== null && !/[/:]/.test(whole.id) ? whole : readWord(own);
  return [{ kind: kind ?? said?.kind ?? null, id: spellId(said?.id ?? own) }];
}

const nameOf = ({ kind, id }: Entity): string => (kind === null ? id : `${kind}-${id}`);

/**
 * The one name of what a text names: "patient-100", "study-50414267", "article-212319"; several where a path names several, and without
 * a kind where nothing says it.
 *
 * @param kind what the column says it is.
 * @example entityNames("0100", "patient") // ["patient-100"]
 */
export function entityNames(text: string, kind: EntityKind | null = null): string[] {
  return [...new Set(entitiesOf(text, kind).map(nameOf))];
}

/** The names that the form of a path or an address gives away; none for any other. */
export function entityNamesIn(path: string): string[] {
  return [...new Set(formsIn(fold(path)).map(nameOf))];
}

/** A passage or an example, as far as it belongs to something. */
export interface Member {
  readonly group?: string;
  readonly entities?: readonly string[];
}

/** Everything that a member belongs to. */
function belongings({ group, entities = [] }: Member): Entity[] {
  const texts = group === undefined ? entities : [group, ...entities];
  return texts.flatMap((text) => (UNKNOWN.test(text.trim()) ? [] : entitiesOf(text, null)));
}

/** Two that share an entity. */
export interface Relative {
  readonly id: string;
  /** Its name. */
  readonly entity: string;
}

/** Finds what belongs to the same patient, study, case, article or picture. */
export interface RelativeFinder {
  find(member: Member): Relative | null;
}

/**
 * Prepares the search for relatives of these members. Of two names the ids must be equal, and the kinds too where both are known:
 * "patient-7" is the relative of "7" and not of "article-7".
 */
export function createRelativeFinder(members: readonly (Member & { readonly id: string })[]): RelativeFinder {
  const [byName, byId] = [new Map<string, string>(), new Map<string, string>()];
  for (const member of members) {
    for (const entity of belongings(member)) {
      byName.set(JSON.stringify([entity.kind, entity.id]), member.id);
      byId.set(entity.id, member.id);
    }
  }
  const findOne = ({ kind, id }: Entity): string | undefined =>
    kind === null ? byId.get(id) : (byName.get(JSON.stringify([kind, id])) ?? byName.get(JSON.stringify([null, id])));
  const find = (member: Member): Relative | null => {
    for (const entity of belongings(member)) {
      const id = findOne(entity);
      if (id !== undefined) return { id, entity: nameOf(entity) };
    }
    return null;
  };
  return { find };
}
