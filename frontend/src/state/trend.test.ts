import { expect, test } from "vitest";

import type { Metrics } from "../live/frames";
import { point, summary, trend } from "../test/make";
import { mergeTail } from "./trend";

function frame(change: Partial<Metrics>): Metrics {
  return {
    type: "metrics",
    seq: 1,
    topic: "*",
    summary: summary(),
    bucketSeconds: 60,
    trendTail: [],
    ...change,
  };
}

test("the tail replaces what it covers", () => {
  const merged = mergeTail(trend(), frame({ trendTail: [point(-1, { posts: 4 }), point(0, { posts: 5 })] }));
  expect(merged.points.map(({ posts }) => posts)).toEqual([0, 4, 5]);
});

test("both edges slide: after a day of minutes the trend is as long as it was", () => {
  let sliding = trend();
  for (let minute = 1; minute <= 1_440; minute++) {
    sliding = mergeTail(sliding, frame({ trendTail: [point(minute - 1), point(minute)] }));
  }
  expect(sliding.points).toHaveLength(3);
  expect(sliding.points.at(-1)?.at).toBe(point(1_440).at);
});

test("points of another bucket, or none, change nothing", () => {
  const before = trend();
  expect(mergeTail(before, frame({ bucketSeconds: 300, trendTail: [point(0)] }))).toBe(before);
  expect(mergeTail(before, frame({ trendTail: [] }))).toBe(before);
});
