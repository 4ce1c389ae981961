import { expect, test } from "vitest";

import { DEFAULT_SELECTION, scopeOf, searchOf, selectionFrom } from "./selection";

test("a view goes into the address and comes back", () => {
  const selection = { topic: "coffee", source: "hacker news", window: "7d" } as const;
  expect(selectionFrom(searchOf(selection))).toEqual(selection);
});

test("the default view leaves the address clean", () => {
  expect(searchOf(DEFAULT_SELECTION)).toBe("");
});

test("an address that makes no sense is the default view", () => {
  expect(selectionFrom("?window=3y&topic=&x=1")).toEqual(DEFAULT_SELECTION);
});

test("every window's buckets are asked for", () => {
  expect(scopeOf({ ...DEFAULT_SELECTION, window: "24h" })).toMatchObject({ window: "24h", bucket: "15m" });
});
