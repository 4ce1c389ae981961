import { expect, test } from "vitest";

import { angleOf, CENTRE, pointAt } from "./dial";
import { moodOf } from "./mood";

test("zero points straight up, and no reading leaves the dial", () => {
  expect(pointAt(angleOf(0), 100)).toBe(`${CENTRE.x}.00 ${CENTRE.y - 100}.00`);
  expect(angleOf(2)).toBe(angleOf(1));
  expect(angleOf(-1)).toBe(-angleOf(1));
});

test.each([
  [-1, "Stormy"],
  [-0.3, "Gloomy"],
  [0, "Changeable"],
  [0.15, "Fair"],
  [-0.1501, "Changeable"],
  [1, "Bright"],
  [-2, "Stormy"],
])("a score of %f is %s", (score, mood) => {
  expect(moodOf(score)).toBe(mood);
});
