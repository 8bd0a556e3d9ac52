/**
 * What each setting may be, and what it becomes. Values come as JSON or, from the environment, as strings.
 *
 * Messages never quote a value: it may be a secret put under the wrong name. They go on after the setting's name.
 */
import * as v from "valibot";

/** What the older tool reads as no; every other text is yes, "off" included. */
const NO_WORDS: ReadonlySet<string> = new Set(["no", "false", "n", "f", "0", ""]);
const YES_WORDS: ReadonlySet<string> = new Set(["yes", "true", "y", "t", "1"]);

/** Whether the text is a yes that its writer may have meant as a no. */
export function isSurprisingYes(value: unknown): boolean {
  return (
    typeof value === "string" && !NO_WORDS.has(value.toLowerCase()) && !YES_WORDS.has(value.toLowerCase())
  );
}

/** A switch exactly as the older tool reads it: null is no. */
const classicSwitch = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    if (value === null) return false;
    if (typeof value === "boolean") return value;
    if (value === 0 || value === 1) return value === 1;
    if (typeof value === "string") return !NO_WORDS.has(value.toLowerCase());
    addIssue({ message: "must be true or false" });
    return NEVER;
  }),
);

/** A switch that the older tool does not have: only words that mean what they say. */
const strictSwitch = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const word = typeof value === "object" ? "" : String(value).toLowerCase();
    if (["true", "yes", "1"].includes(word)) return true;
    if (["false", "no", "0"].includes(word)) return false;
    addIssue({ message: "must be true or false" });
    return NEVER;
  }),
);

/** The number that a number or a text of digits stands for; NaN when it stands for none. */
function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : Number.NaN;
}

function integer(low: number, high: number, advice: string) {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      const number = numberOf(value);
      if (Number.isInteger(number) && number >= low && number <= high) return number;
      addIssue({ message: advice });
      return NEVER;
    }),
  );
}

const levelNumber = integer(0, 9, "must be a whole number from 0 to 9");
/** Number 0, null and absent all mean 6; the text "0" means 0. */
const level = v.pipe(
  v.optional(v.unknown(), null),
  v.transform((value) => (value === null || value === 0 ? 6 : value)),
  levelNumber,
);

/** Number 0, null and absent all mean that the run is to know. */
const processes = v.pipe(
  v.optional(v.unknown(), null),
  v.transform((value) => (numberOf(value) === 0 ? null : value)),
  v.nullable(integer(1, 1024, "must be a whole number from 1 to 1024")),
);

function share(usual: number) {
  return v.pipe(
    v.nullish(v.unknown(), usual),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      const number = numberOf(value);
      if (number >= 0 && number <= 1) return number;
      addIssue({ message: "must be a share from 0 to 1, 0.5 for half" });
      return NEVER;
    }),
  );
}

/** Paths and commands end at a zero byte; what Node says of one quotes all of it. */
const text = v.pipe(
  v.string('must be a text in "..."'),
  v.nonEmpty("must not be empty: leave it out"),
  v.check((value) => !value.includes("\0"), "must not hold a zero byte"),
);
const optionalText = v.nullish(text);

const kept = v.nullish(integer(0, 10_000, "must be a whole number, 0 for none"), 0);

/** How many past days, weeks, months and years keep their last state. As text it is JSON. */
const thinning = v.pipe(
  v.unknown(),
  v.transform((value) => (typeof value === "string" ? jsonOr(value) : value)),
  v.strictObject(
    { daily: kept, weekly: kept, monthly: kept, yearly: kept },
    'must be a block like { "daily": 7, "weekly": 4, "monthly": 12, "yearly": 3 }',
  ),
);

/** What a text from the environment is as JSON; the text itself, which no schema takes, where it is none. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const patterns = v.nullish(
  v.array(v.string("must be a text"), 'must be a list of patterns, ["*.tmp", "cache/"]'),
  [],
);

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** A number of bytes, or a text like `100M`. */
const bytes = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const given = typeof value === "number" || typeof value === "string" ? String(value) : "";
    const [, number, unit = ""] = /^\s*(\d{1,15})\s*([KMGT]?)(?:i?B)?\s*$/i.exec(given) ?? [];
    const result = Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
    if (number !== undefined && Number.isSafeInteger(result)) return result;
    addIssue({ message: 'must be a number of bytes, or a text like "100M" or "2G"' });
    return NEVER;
  }),
);

const A_RULE = 'must be a rule like { "match": ["*.jpg"], "larger_than": "1M", "compress": false }';

/** As text, from the environment, they are JSON. */
const rules = v.pipe(
  v.unknown(),
  v.transform((value) => (typeof value === "string" ? jsonOr(value) : value)),
  v.array(
    v.strictObject(
      {
        match: patterns,
        larger_than: v.optional(bytes),
        smaller_than: v.optional(bytes),
        encrypt: v.optional(strictSwitch),
        compress: v.optional(strictSwitch),
        storage_class: v.optional(text),
      },
      A_RULE,
    ),
    'must be a list of rules, [{ "match": ["*.jpg"], "compress": false }]',
  ),
);

const storageKeys = {
  local_path: optionalText,
  s3_bucket: optionalText,
  aws_access_key_id: optionalText,
  aws_secret_access_key: optionalText,
  session_token: optionalText,
  base_path: v.nullish(v.string('must be a text in "..."')),
  endpoint_url: v.nullish(
    v.pipe(
      text,
      v.check(isEndpoint, "must be the address of an S3 service, http(s)://host, without user or password"),
    ),
  ),
  region_name: optionalText,
  signature_version: v.nullish(
    v.picklist(["v4", "s3v4"], 'must be "v4", "s3v4" or null: requests are always signed with version 4'),
  ),
  storage_class: optionalText,
  force_path_style: v.nullish(strictSwitch),
};

const A_STORAGE = 'must be a block { ... } with "local_path" or "s3_bucket"';
const storageSchema = v.object(storageKeys, A_STORAGE);
const NEEDS_NAME = 'must be given, "photos" say: the files of this source are stored below it';

/** Several sources, each with a name. */
const sourcesSchema = v.pipe(
  v.array(
    v.object(
      {
        ...storageKeys,
        name: v.pipe(
          v.string(NEEDS_NAME),
          v.check(
            (name) => name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name),
            "must be one component of a path",
          ),
        ),
      },
      // A key that is not there is an issue of the block.
      ({ expected }) => (expected === '"name"' ? NEEDS_NAME : A_STORAGE),
    ),
  ),
  v.minLength(1, "must hold a source at least"),
  v.check(
    (sources) => new Set(sources.map(({ name }) => name)).size === sources.length,
    "must have different names",
  ),
);

export const settingsSchema = v.object({
  src: v.nullish(
    v.lazy(
      (value) =>
        (Array.isArray(value) ? sourcesSchema : storageSchema) as typeof storageSchema | typeof sourcesSchema,
    ),
  ),
  dest: v.nullish(storageSchema),
  restore: v.nullish(storageSchema),
  encryption_password: v.nullish(v.string('must be a text in "..."')),
  encryption_password_file: optionalText,
  encryption_password_command: optionalText,
  encryption_salt: v.nullish(
    v.pipe(
      v.string("must be 16 bytes in hex, or null"),
      v.regex(
        /^\s*(?:(?:[0-9a-f]{2}\s*){16})?$/i,
        "must be 16 bytes in hex (32 digits), or null: backup generate-salt makes one",
      ),
    ),
  ),
  encrypt: v.optional(classicSwitch, true),
  encrypt_filenames: v.optional(classicSwitch, false),
  encryption_type: v.nullish(
    v.picklist(["aes", "cha"], 'must be "aes" (AES-256-GCM) or "cha" (XChaCha20-Poly1305), in lower case'),
    "aes",
  ),
  container: v.nullish(
    v.picklist(["classic", "segmented"], 'must be "classic" (as the older tool writes) or "segmented"'),
    "classic",
  ),
  metadata: v.nullish(strictSwitch),
  compress: v.optional(classicSwitch, true),
  compression: v.nullish(
    v.picklist(["auto", "zstd", "xz", "gzip", "none"], 'must be "auto", "zstd", "xz", "gzip" or "none"'),
    "auto",
  ),
  zstd_level: v.nullish(integer(1, 22, "must be a whole number from 1 to 22"), 3),
  lzma_level: level,
  gzip_level: level,
  rules: v.nullish(rules),
  backup_processes: processes,
  restore_processes: processes,
  deleted_keep_days: v.nullish(
    integer(0, 1_000_000, "must be a whole number of days: 0 removes at once, null keeps for ever"),
    null,
  ),
  versions_keep_days: v.nullish(
    v.union(
      [
        v.pipe(
          v.literal("forever"),
          v.transform((): "forever" => "forever"),
        ),
        integer(0, 1_000_000, ""),
      ],
      'must be a whole number of days, "forever", or null for no history',
    ),
    null,
  ),
  keep: v.nullish(thinning),
  purge_delay_days: v.nullish(integer(0, 1_000_000, "must be a whole number of days"), 0),
  retire: v.nullish(v.picklist(["rename", "tombstone"], 'must be "rename" or "tombstone"'), "rename"),
  ignore_regex: v.optional(
    v.array(
      v.pipe(v.string("must be a text"), v.nonEmpty("is empty, which would ignore every file: remove it")),
      'must be a list, ["expression", ...], or [] for none',
    ),
    [],
  ),
  exclude: patterns,
  include: patterns,
  exclude_file: optionalText,
  files_from: optionalText,
  exclude_caches: v.nullish(strictSwitch, false),
  exclude_larger_than: v.nullish(bytes),
  one_file_system: v.nullish(strictSwitch, false),
  mass_delete_share: share(0.5),
  unfinished_keep_days: v.nullish(integer(1, 1_000_000, "must be a whole number of days, 1 at least"), 7),
  delta: v.nullish(v.picklist(["auto", "off"], 'must be "auto" or "off"'), "auto"),
  delta_dead_share: share(0.25),
});

export type Settings = v.InferOutput<typeof settingsSchema>;
export type StorageSettings = v.InferOutput<typeof storageSchema>;

function isEndpoint(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

/** Checks and converts; each problem begins with where its setting comes from. */
export function validateSettings(
  values: Record<string, unknown>,
  origin: (path: string) => string,
  problems: string[],
): Settings | undefined {
  const result = v.safeParse(settingsSchema, values);
  if (result.success) return result.output;
  for (const issue of result.issues) {
    const path = (issue.path ?? []).map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${String(key)}`,
    );
    problems.push(`${origin(path.join("").slice(1))} ${issue.message}`);
  }
  return undefined;
}
