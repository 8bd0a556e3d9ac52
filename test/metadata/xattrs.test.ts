import { expect, it } from "vitest";
import { EVERYTHING, surveyXattrs } from "../../src/metadata/xattrs.ts";

it("a source that cannot be entered ends no survey: each folder is to be asked, and says what is wrong", async () => {
  // As with a connection that was lost, it is the call itself that fails here, and no process that ends.
  const { available, mayHaveSomeIn, root } = await surveyXattrs(import.meta.filename, EVERYTHING);
  expect([available, mayHaveSomeIn("folder"), root]).toEqual([true, true, true]);
});
