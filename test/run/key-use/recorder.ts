/**
 * Preloaded into every thread of a process (`node --import`): writes down each key and nonce that is used to encrypt,
 * and a digest of what it is used for. Secrets of tests only.
 */
import crypto from "node:crypto";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { threadId } from "node:worker_threads";

const folder = process.env.KEY_USE_FOLDER;
const { createCipheriv, createHash } = crypto;

if (folder !== undefined) {
  const fd = fs.openSync(`${folder}/${process.pid}-${threadId}`, "a");
  const record = (algorithm: string, key: crypto.CipherKey, nonce: crypto.BinaryLike, options: unknown) => {
    const cipher = createCipheriv(algorithm, key, nonce, options as never) as crypto.CipherGCM;
    const bytes = key instanceof crypto.KeyObject ? key.export() : Buffer.from(key as Uint8Array);
    const place = `${algorithm} ${bytes.toString("hex")} ${Buffer.from(nonce as Uint8Array).toString("hex")}`;
    const input = createHash("sha256");
    const note = () => fs.writeSync(fd, `${place}\t${input.digest("hex")}\n`);
    const { setAAD, update, final } = cipher;
    const isName = !/gcm|poly1305/.test(algorithm);
    cipher.setAAD = ((data: Buffer, more: never) => {
      input.update(`associated ${data.length} `).update(data);
      return setAAD.call(cipher, data, more);
    }) as typeof setAAD;
    cipher.update = ((data: Buffer) => {
      const output = update.call(cipher, data as never, undefined as never, undefined as never);
      const result = output as unknown as Buffer;
      if (isName) {
        // A keystream, used in one piece, for sealing and for opening: the same two texts either way.
        for (const text of [Buffer.from(data), result].sort(Buffer.compare)) input.update(text);
        note();
      } else input.update(data);
      return result;
    }) as unknown as typeof update;
    cipher.final = (() => {
      if (!isName) note();
      return final.call(cipher, undefined as never);
    }) as unknown as typeof final;
    return cipher;
  };
  crypto.createCipheriv = record as unknown as typeof createCipheriv;
  syncBuiltinESMExports();
}
