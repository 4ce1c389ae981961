/** Keeping a trend up to date with the newest points that a frame brings. */
import type { Trend } from "../api/types";
import type { Metrics } from "../live/frames";

/**
 * The trend with the frame's points laid over its end. Its length stays what it was: as the right edge gains a point, the
 * left edge loses one, so that memory is flat after a day. Points of another bucket change nothing.
 */
export function mergeTail(trend: Trend, { bucketSeconds, trendTail }: Metrics): Trend {
  const first = trendTail[0];
  if (first === undefined || bucketSeconds !== trend.bucket_seconds) return trend;
  const from = Date.parse(first.at);
  const kept = trend.points.filter((point) => Date.parse(point.at) < from);
  return { ...trend, points: [...kept, ...trendTail].slice(-trend.points.length) };
}
