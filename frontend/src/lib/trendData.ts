/** A trend as the chart's columns and scales: pure arithmetic, so that the chart itself has none. */
import type { Trend } from "../api/types";

type Column = (number | null)[];

/**
 * x (seconds since the epoch, the middle of each bucket), the tops of the stacked bars from the tallest (all posts) to
 * the shortest (negative ones), and the score.
 */
export type TrendColumns = [
  x: number[],
  all: Column,
  positive: Column,
  neutral: Column,
  negative: Column,
  score: Column,
];

export function columnsOf({ points, bucket_seconds }: Trend): TrendColumns {
  const columns: TrendColumns = [[], [], [], [], [], []];
  const [x, all, positive, neutral, negative, score] = columns;
  for (const point of points) {
    x.push(Date.parse(point.at) / 1000 + bucket_seconds / 2);
    all.push(point.posts);
    negative.push(point.negative);
    neutral.push(point.negative + point.neutral);
    positive.push(point.negative + point.neutral + point.positive);
    score.push(point.score);
  }
  return columns;
}

/** The span that is shown at `nowMs`, in seconds: whole buckets, the running one last. Both of its edges slide. */
export function spanAt(
  nowMs: number,
  windowSeconds: number,
  bucketSeconds: number,
): [from: number, until: number] {
  const until = (Math.floor(nowMs / 1000 / bucketSeconds) + 1) * bucketSeconds;
  return [until - windowSeconds, until];
}

/** Posts a minute in the newest bucket that is over at `nowMs`; `null` where there is none. */
export function latestRate({ points, bucket_seconds }: Trend, nowMs: number): number | null {
  const over = points.findLast((point) => Date.parse(point.at) + bucket_seconds * 1000 <= nowMs);
  return over === undefined ? null : over.posts / (bucket_seconds / 60);
}

/** The next round number that is not below the greatest value. */
export function roofOf(values: Column): number {
  const most = values.reduce<number>((greatest, value) => Math.max(greatest, value ?? 0), 0);
  if (most <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  if (unit === 1) return Math.ceil(most);
  return unit * ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= most) ?? 10);
}

/** How far the score's axis reaches either way: the least of a few, so that a calm day is no flat line. */
export function reachOf(scores: Column): number {
  const most = scores.reduce<number>((greatest, score) => Math.max(greatest, Math.abs(score ?? 0)), 0);
  return [0.25, 0.5, 1].find((reach) => most <= reach) ?? 1;
}

/** Indices of values that stand alone, which a line does not show. */
export function lonely(values: readonly (number | null | undefined)[]): number[] {
  return values.flatMap((value, i) =>
    value != null && values[i - 1] == null && values[i + 1] == null ? [i] : [],
  );
}
