/**
 * Some tests vary what others show already, and take minutes together, most of them against the S3 server:
 * `LONG_TESTS=1 npm test` runs them, too.
 */
export const LONG = process.env.LONG_TESTS === "1";
