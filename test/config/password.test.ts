import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { BASE, configOf, folder, load, PLACES, SECRET } from "./loading.ts";

describe("the password", () => {
  it("is missed when anything is encrypted or salted, and only then", async () => {
    for (const settings of [
      {},
      { encrypt: false, encrypt_filenames: true },
      { encrypt: false, encryption_salt: "00".repeat(16) },
    ]) {
      await expect(load({ ...PLACES, ...settings })).rejects.toThrow(/^encryption_password is missing/);
    }
    expect((await configOf({ ...BASE, encrypt: false })).password).toBeUndefined();
  });

  it("may be empty to read, not to write", async () => {
    const settings = { ...BASE, encryption_password: "" };
    await expect(load(settings)).rejects.toThrow(/the password is empty/);
    expect((await configOf(settings, {}, { mode: "restore" })).password).toBe("");
    expect((await configOf(settings, {}, { mode: "verify" })).password).toBe("");
  });

  it("ends at Latin-1 with aes, and not with cha", async () => {
    const latin1 = `${SECRET}\u00ff`;
    expect((await configOf({ ...BASE, encryption_password: latin1 })).password).toBe(latin1);
    const beyond = `${SECRET}\u0100`;
    await expect(load({ ...BASE, encryption_password: beyond })).rejects.toThrow(/Latin-1/);
    expect((await configOf({ ...BASE, encryption_password: beyond, encryption_type: "cha" })).password).toBe(
      beyond,
    );
  });

  it("has to be text, and valid Unicode", async () => {
    await expect(load({ ...BASE, encryption_password: 5 })).rejects.toThrow(
      /encryption_password must be a text/,
    );
    for (const odd of [`${SECRET}\\ud800`, `${SECRET}\\ufffd`]) {
      const text = JSON.stringify({ ...BASE, encryption_type: "cha" }).replace(SECRET, odd);
      await expect(load(text)).rejects.toThrow(/not valid Unicode/);
    }
  });

  it("is not shown by a zero byte in the command for it, where processes end their arguments", async () => {
    const settings = { ...PLACES, encryption_password_command: `echo ${SECRET}\0` };
    await expect(load(settings)).rejects.toThrow(
      /^"config.json": encryption_password_command must not hold a zero byte$/,
    );
  });

  it("may stand in a file, whose first line it is", async () => {
    const path = join(folder, "password");
    const read = async (bytes: string | Buffer) => {
      writeFileSync(path, bytes);
      return load({ ...PLACES, encryption_password_file: path });
    };
    for (const text of [SECRET, `${SECRET}\n`, `${SECRET}\r\n`]) {
      const { config, warnings } = await read(text);
      expect(config.password).toBe(SECRET);
      expect(warnings).toEqual([]);
    }
    expect((await read(` ${SECRET} \n`)).config.password).toBe(` ${SECRET} `);
    expect((await read(`${SECRET}\nmore ${SECRET}\n`)).warnings.join()).toMatch(/more than one line/);
    await expect(read("\n")).rejects.toThrow(/the password is empty/);
    await expect(read(Buffer.from([0xff, 0xfe]))).rejects.toThrow(/not UTF-8/);
    await expect(load({ ...PLACES, encryption_password_file: join(folder, "absent") })).rejects.toThrow(
      /ENOENT/,
    );
  });

  it("may come from a command, which sees the environment and no input", async () => {
    const run = (command: string) =>
      configOf(PLACES, {
        BACKUP_ENCRYPTION_PASSWORD_COMMAND: command,
        WHERE: SECRET,
        PATH: process.env.PATH,
      });
    expect((await run('cat; echo "$WHERE"')).password).toBe(SECRET);
    await expect(run("exit 3")).rejects.toThrow(/^BACKUP_ENCRYPTION_PASSWORD_COMMAND ended with status 3/);
    await expect(run("echo oh dear >&2; exit 1")).rejects.toThrow(/status 1/);
    await expect(run("ls /absent/file")).rejects.toThrow(/status/);
    await expect(run(`echo ${SECRET}; echo wrong ${SECRET} >&2; exit 1`)).rejects.toThrow(/by hand/);
    await expect(run('printf "%s" "$WHERE" >&2; exit 1')).rejects.toThrow(/ended with status 1/);
    await expect(run("kill -9 $$")).rejects.toThrow(/SIGKILL/);
    await expect(run("true")).rejects.toThrow(/the password is empty/);
  });

  describe("from a command that takes long", () => {
    /** A command that ends when it is let go, and what is told meanwhile. */
    async function started(signal?: AbortSignal) {
      const here = mkdtempSync(join(folder, "waiting-"));
      const file = (name: string) => join(here, name);
      const loop = `while [ -e '${here}' ] && [ ! -e '${file("go")}' ]; do sleep 0.02; done`;
      const command = `touch '${file("begun")}'; ${loop}; echo ${SECRET}`;
      const told: string[] = [];
      const loading = configOf(
        { ...PLACES, encryption_password_command: command },
        { PATH: process.env.PATH },
        { onWaiting: (text) => told.push(text), ...(signal && { signal }) },
      );
      while (!existsSync(file("begun"))) await setImmediate();
      return { loading, told, letGo: () => writeFileSync(file("go"), "") };
    }

    it("is waited for as long as it takes, which is told after a minute", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      try {
        const { loading, told, letGo } = await started();
        vi.advanceTimersByTime(59_000);
        expect(told).toEqual([]);
        vi.advanceTimersByTime(600_000);
        expect(told).toEqual([expect.stringMatching(/_command has been running for a minute/)]);
        letGo();
        expect((await loading).password).toBe(SECRET);
      } finally {
        vi.useRealTimers();
      }
    });

    it("is waited for no longer when the run is to end", async () => {
      const stopping = new AbortController();
      const { loading } = await started(stopping.signal);
      stopping.abort();
      await expect(loading).rejects.toMatchObject({ kind: "interrupted" });
    });
  });

  it("is given once, and one in the environment replaces any of the file", async () => {
    const both = { ...BASE, encryption_password_file: "x" };
    await expect(load(both)).rejects.toThrow(/given twice/);
    expect((await configOf(both, { ENCRYPTION_PASSWORD: `${SECRET}3` })).password).toBe(`${SECRET}3`);
  });
});

describe("the salt and the cipher", () => {
  const hex = "00112233445566778899aAbBcCdDeEfF";

  it.each([[hex], [` ${hex.match(/../g)?.join(" ")} `]])("take 16 bytes of hex: %j", async (salt) => {
    expect(Buffer.from((await configOf({ ...BASE, encryption_salt: salt })).salt ?? []).toString("hex")).toBe(
      hex.toLowerCase(),
    );
  });

  it.each([[null], [""]])("%j is no salt", async (salt) => {
    expect((await configOf({ ...BASE, encryption_salt: salt })).salt).toBeUndefined();
  });

  it.each([
    [hex.slice(2)],
    [`${hex}00`],
    [hex.replace("00", "0 0")],
    [hex.replace("0", "g")],
    ["11223344"],
    [5],
  ])("refuse the salt %j", async (salt) => {
    await expect(load({ ...BASE, encryption_salt: salt })).rejects.toThrow(
      /encryption_salt must be 16 bytes in hex/,
    );
  });

  it("know two ciphers, in lower case", async () => {
    expect((await configOf({ ...BASE, encryption_type: "cha" })).encryptionType).toBe("cha");
    await expect(load({ ...BASE, encryption_type: "AES" })).rejects.toThrow(/must be "aes" .* or "cha"/);
    expect(
      (await load({ ...BASE, encryption_type: "cha", encrypt: false, encrypt_filenames: true })).summary,
    ).toBe("encrypt no, compress yes (xz 6, gzip 6), encrypt_filenames yes (cha), container classic");
  });
});
