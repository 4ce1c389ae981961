import { expect, test } from "vitest";

import {
  formatAgo,
  formatChange,
  formatCount,
  formatMark,
  formatPercent,
  formatRate,
  formatScore,
} from "./format";

test.each([
  [0.236, "+0.24"],
  [-0.236, "−0.24"],
  [0, "0.00"],
  [-0.004, "0.00"],
  [1, "+1.00"],
  [null, "–"],
])("score %s is %s", (score, words) => {
  expect(formatScore(score)).toBe(words);
});

test.each([
  [0.21, 0.1, "0.11"],
  [0.104, 0.096, null],
  [0.105, 0.104, "0.01"],
])("from %s to %s is %s: what the two as shown differ by", (score, before, words) => {
  expect(formatChange(score, before)).toBe(words);
});

test("a scale's marks have no false digits", () => {
  expect([-1, -0.5, 0, 0.5, 1].map(formatMark)).toEqual(["−1", "−0.5", "0", "+0.5", "+1"]);
});

test.each([
  [0, "0"],
  [0.01, "< 0.1"],
  [2.345, "2.3"],
  [3, "3"],
  [12.6, "13"],
])("%s a minute is %s", (rate, words) => {
  expect(formatRate(rate)).toBe(words);
});

test.each([
  [0, "0%"],
  [0.001, "< 1%"],
  [0.255, "26%"],
  [0.999, "> 99%"],
  [1, "100%"],
])("a share of %s is %s: never none where there is some, never all where there is not", (share, words) => {
  expect(formatPercent(share)).toBe(words);
});

test.each([
  [-5_000, "now"],
  [1_999, "now"],
  [12_000, "12 s"],
  [60_000, "1 min"],
  [3_599_000, "59 min"],
  [7_200_000, "2 h"],
  [47 * 3_600_000, "47 h"],
  [72 * 3_600_000, "3 d"],
])("%i ms ago reads %s", (ms, words) => {
  expect(formatAgo(ms)).toBe(words);
});

test("great counts are short", () => {
  expect(formatCount(999)).toBe("999");
  expect(formatCount(2_500_000)).toMatch(/^2[.,]5/);
});
