/** Makes a salt: 16 random bytes that every key of a backup is derived with. */
import { randomBytes } from "node:crypto";

/** Bytes. */
export const SALT_BYTES = 16;

/** The salt as the configuration file and the environment take it, ready to be copied. */
export function saltText(salt: Uint8Array): string {
  const hex = Buffer.from(salt).toString("hex");
  return `For config.json:      "encryption_salt": "${hex}"\nFor the environment:  ENCRYPTION_SALT=${hex}\n`;
}

/** What `backup generate-salt` prints. */
export function generateSaltText(): string {
  return saltText(randomBytes(SALT_BYTES));
}
