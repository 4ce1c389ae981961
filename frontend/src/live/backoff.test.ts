import { expect, test } from "vitest";

import { backoff } from "./backoff";

test("waits grow and stay within half a minute, however long the outage", () => {
  const longest = [0, 1, 2, 3, 50].map((attempt) => backoff(attempt, 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 30_000]);
});

test("waits are spread from the least to the most", () => {
  expect(backoff(5, 0)).toBe(250);
  expect(backoff(5, 0.5)).toBeCloseTo(15_125);
});
