import { expect, test } from "vitest";

import { point, trend } from "../test/make";
import { columnsOf, latestRate, lonely, reachOf, roofOf, spanAt } from "./trendData";

test("the rate is of the newest bucket that is over, not of the running one", () => {
  const shown = { ...trend([point(0, { posts: 90 }), point(15, { posts: 3 })]), bucket_seconds: 900 };
  expect(latestRate(shown, Date.parse(point(16).at))).toBe(6);
  expect(latestRate(shown, Date.parse(point(30).at))).toBe(0.2);
  expect(latestRate(shown, Date.parse(point(1).at))).toBeNull();
});

test("sentiments are stacked, and the tallest bar is every post", () => {
  const [x, all, positive, neutral, negative, score] = columnsOf(
    trend([point(0, { posts: 10, unscored: 1, positive: 4, neutral: 3, negative: 2, score: 0.2 })]),
  );
  expect([all[0], positive[0], neutral[0], negative[0], score[0]]).toEqual([10, 9, 5, 2, 0.2]);
  expect(x[0]).toBe(Date.parse(point(0).at) / 1000 + 30);
});

test("the span ends with the running bucket, and both edges slide together", () => {
  const [from, until] = spanAt(90_000, 3_600, 60);
  expect([from, until]).toEqual([120 - 3_600, 120]);
  expect(spanAt(120_000, 3_600, 60)).toEqual([180 - 3_600, 180]);
});

test.each([
  [[], 1],
  [[0, null], 1],
  [[3], 3],
  [[7, 2], 7],
  [[23], 30],
  [[101], 150],
  [[8_100], 10_000],
])("the axis over %j reaches %i", (values, roof) => {
  expect(roofOf(values)).toBe(roof);
});

test.each([
  [[null, 0.02, -0.1], 0.25],
  [[0.3], 0.5],
  [[-0.8], 1],
  [[], 0.25],
])("the score's axis over %j reaches %f either way", (scores, reach) => {
  expect(reachOf(scores)).toBe(reach);
});

test("a score with no neighbour gets a point, since a line does not show it", () => {
  expect(lonely([1, null, 2, 3, null, 4])).toEqual([0, 5]);
});
