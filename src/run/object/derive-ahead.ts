/**
 * Deriving the key of a run before it is asked for, on a thread of its own: beside the modules that a start loads (some
 * 60 ms each). Light in what it imports, since it comes before them.
 */
import type { Config } from "../../config/config.ts";
import { deriveKeyAside } from "../../crypto/kdf.ts";
import { derivePasswordKeyAside, passwordSource } from "../../crypto/key-source.ts";
import type { DerivedKeys } from "./keys.ts";

export const NO_KEYS: DerivedKeys = { classic: [], segmented: [] };

/**
 * The key that new objects are sealed with, where the settings tell which one that is. Never rejects: whoever needs a key
 * that is not there derives it, and says what is wrong.
 */
export async function deriveAhead(config: Config): Promise<DerivedKeys> {
  const { password, salt, encrypt, encryptFilenames, encryptionType: type, container } = config;
  if (password === undefined || salt === undefined || !(encrypt || encryptFilenames)) return NO_KEYS;
  try {
    if (container === "classic") {
      const key = await deriveKeyAside(type, password, salt);
      return { ...NO_KEYS, classic: [{ type, saltHex: Buffer.from(salt).toString("hex"), key }] };
    }
    const source = passwordSource(type, salt);
    return { ...NO_KEYS, segmented: [{ source, key: await derivePasswordKeyAside(password, source) }] };
  } catch {
    return NO_KEYS;
  }
}
