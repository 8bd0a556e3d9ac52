/**
 * Every setting's name, in the file and in the environment. The loader, the check for unknown names and the test of
 * docs/configuration.md all read these tables.
 */

export const STORAGES = ["src", "dest", "restore"] as const;
export type StorageName = (typeof STORAGES)[number];

/** Keys of a storage that only S3 has, `s3_bucket` first: it is the one that makes a storage S3. */
export const S3_KEYS = [
  "s3_bucket",
  "aws_access_key_id",
  "aws_secret_access_key",
  "session_token",
  "base_path",
  "endpoint_url",
  "region_name",
  "signature_version",
  "storage_class",
  "force_path_style",
] as const;
export const STORAGE_KEYS = ["local_path", ...S3_KEYS] as const;
export type StorageKey = (typeof STORAGE_KEYS)[number];

export const TOP_KEYS = [
  "encryption_password",
  "encryption_password_file",
  "encryption_password_command",
  "encryption_salt",
  "encrypt",
  "encrypt_filenames",
  "encryption_type",
  "container",
  "metadata",
  "compress",
  "compression",
  "zstd_level",
  "lzma_level",
  "gzip_level",
  "rules",
  "backup_processes",
  "restore_processes",
  "deleted_keep_days",
  "versions_keep_days",
  "keep",
  "purge_delay_days",
  "retire",
  "ignore_regex",
  "exclude",
  "include",
  "exclude_file",
  "files_from",
  "exclude_caches",
  "exclude_larger_than",
  "one_file_system",
  "mass_delete_share",
  "unfinished_keep_days",
  "delta",
  "delta_dead_share",
] as const;
export type TopKey = (typeof TOP_KEYS)[number];

/** The three ways to give the password: one of them in the environment replaces all of them in the file. */
export const PASSWORD_KEYS = [
  "encryption_password",
  "encryption_password_file",
  "encryption_password_command",
] as const;

/** Settings whose values appear nowhere; a file that holds one should be readable by its owner alone. */
export const SECRET_KEYS: ReadonlySet<string> = new Set([
  "encryption_password",
  "encryption_password_command",
  "aws_secret_access_key",
  "session_token",
]);

/** Names the configuration file when `--config` does not. */
export const CONFIG_VARIABLE = "BACKUP_CONFIG";

/** Keys that the older tool does not have; in the environment they begin with `BACKUP_`. */
const NEW_KEYS: ReadonlySet<string> = new Set([
  "session_token",
  "force_path_style",
  "encryption_password_file",
  "encryption_password_command",
  "container",
  "metadata",
  "compression",
  "zstd_level",
  "mass_delete_share",
  "unfinished_keep_days",
  "delta",
  "delta_dead_share",
  "versions_keep_days",
  "keep",
  "purge_delay_days",
  "retire",
  "exclude",
  "include",
  "exclude_file",
  "files_from",
  "exclude_caches",
  "exclude_larger_than",
  "one_file_system",
  "rules",
]);

/** The environment variable of a top-level setting. */
export function topVariable(key: TopKey): string {
  return (NEW_KEYS.has(key) ? "BACKUP_" : "") + key.toUpperCase();
}

/**
 * The environment variables of a storage's setting, the documented one first. A session token is also taken from
 * `SRC_AWS_SESSION_TOKEN`, which is what its two neighbours make one expect.
 */
export function storageVariables(storage: StorageName, key: StorageKey): string[] {
  const name = `${storage}_${key}`.toUpperCase();
  if (key === "session_token") return [`BACKUP_${name}`, `${storage.toUpperCase()}_AWS_SESSION_TOKEN`];
  return [NEW_KEYS.has(key) ? `BACKUP_${name}` : name];
}

/** The variables whose values are secrets. */
export function secretVariables(): string[] {
  const ofStorages = STORAGES.flatMap((storage) =>
    STORAGE_KEYS.filter((key) => SECRET_KEYS.has(key)).flatMap((key) => storageVariables(storage, key)),
  );
  return [...TOP_KEYS.filter((key) => SECRET_KEYS.has(key)).map(topVariable), ...ofStorages];
}

/** Every variable that this tool reads. */
export function allVariables(): string[] {
  const ofStorages = STORAGES.flatMap((storage) =>
    STORAGE_KEYS.flatMap((key) => storageVariables(storage, key)),
  );
  return [CONFIG_VARIABLE, ...TOP_KEYS.map(topVariable), ...ofStorages];
}
