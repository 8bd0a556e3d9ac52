/**
 * What the rules of the configuration make of one file: whether it is encrypted, how it is compressed, and the storage
 * class of its object. Each of the three is decided by the first rule that names it and whose pattern and sizes fit.
 */
import type { CompressionChoice, Config, ObjectRule } from "../../config/config.ts";
import { GitignoreRules } from "../../patterns/gitignore.ts";

export interface ObjectSettings {
  readonly encrypt: boolean;
  readonly compression: CompressionChoice;
  /** Absent: that of the destination. */
  readonly storageClass?: string;
}

/** A file as rules see it. */
export interface RuledFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** A manifest, like a tombstone, is encrypted and compressed as if there were no rules: it tells of many files. */
  readonly type?: "file" | "manifest";
}

export class ObjectRules {
  private readonly usual: ObjectSettings;
  private readonly rules: readonly { readonly rule: ObjectRule; readonly patterns: GitignoreRules }[];

  constructor({ encrypt, compression, rules = [] }: Config) {
    this.usual = { encrypt, compression };
    this.rules = rules.map((rule) => ({ rule, patterns: new GitignoreRules(rule.match) }));
  }

  for({ path, size, type = "file" }: RuledFile): ObjectSettings {
    if (this.rules.length === 0) return this.usual;
    const found: { encrypt?: boolean; compression?: CompressionChoice; storageClass?: string } = {};
    for (const { rule, patterns } of this.rules) {
      if (!fits(rule, size) || !(patterns.isEmpty || patterns.judge(path).excluded)) continue;
      found.encrypt ??= rule.encrypt;
      found.compression ??= rule.compression;
      found.storageClass ??= rule.storageClass;
    }
    const { encrypt, compression, storageClass } = found;
    return {
      ...this.usual,
      ...(type === "file" && encrypt !== undefined && { encrypt }),
      ...(type === "file" && compression !== undefined && { compression }),
      ...(storageClass !== undefined && { storageClass }),
    };
  }

  /** For the options of a storage: the class of an object, where a rule names one. */
  classFor(file: RuledFile): { storageClass?: string } {
    const { storageClass } = this.for(file);
    return storageClass === undefined ? {} : { storageClass };
  }
}

const made = new WeakMap<Config, ObjectRules>();

/** The rules of a configuration, made once. */
export function objectRules(config: Config): ObjectRules {
  let rules = made.get(config);
  if (rules === undefined) {
    rules = new ObjectRules(config);
    made.set(config, rules);
  }
  return rules;
}

/** Whether any file is encrypted, by the settings or by a rule. */
export function encryptsSome({ encrypt, rules = [] }: Config): boolean {
  return encrypt || rules.some((rule) => rule.encrypt === true);
}

function fits({ largerThan, smallerThan }: ObjectRule, size: number): boolean {
  return (largerThan === undefined || size > largerThan) && (smallerThan === undefined || size < smallerThan);
}
