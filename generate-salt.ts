/** Prints a salt for the settings: `node generate-salt.ts`, the same as `backup generate-salt`. */
import { generateSaltText } from "./src/cli/generate-salt.ts";

process.stdout.write(generateSaltText());
