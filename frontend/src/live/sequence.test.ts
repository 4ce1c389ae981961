import { beforeEach, expect, test, vi } from "vitest";

import { GRACE_MS, Sequence } from "./sequence";

const onGap = vi.fn();
let sequence: Sequence;

beforeEach(() => {
  vi.useFakeTimers();
  onGap.mockClear();
  sequence = new Sequence(onGap);
  sequence.restart(0);
});

test("frames in order are no gap", () => {
  for (const seq of [1, 2, 3]) sequence.see(seq);
  vi.advanceTimersByTime(GRACE_MS * 2);
  expect(onGap).not.toHaveBeenCalled();
});

test("a frame that never comes is a gap, said once", () => {
  for (const seq of [1, 3, 4]) sequence.see(seq);
  expect(onGap).not.toHaveBeenCalled();
  vi.advanceTimersByTime(GRACE_MS * 3);
  expect(onGap).toHaveBeenCalledTimes(1);
});

test("frames that overtake each other are no gap", () => {
  for (const seq of [1, 4, 2, 3, 5]) sequence.see(seq);
  vi.advanceTimersByTime(GRACE_MS * 2);
  expect(onGap).not.toHaveBeenCalled();
});

test("a frame seen twice is no gap", () => {
  for (const seq of [1, 1, 2, 2]) sequence.see(seq);
  vi.advanceTimersByTime(GRACE_MS * 2);
  expect(onGap).not.toHaveBeenCalled();
});

test("a pong tells of a lost last frame, which no later frame would", () => {
  sequence.see(1);
  sequence.expect(2);
  vi.advanceTimersByTime(GRACE_MS);
  expect(onGap).toHaveBeenCalledTimes(1);
});

test("a frame that a pong overtook is no gap", () => {
  sequence.expect(1);
  sequence.see(1);
  vi.advanceTimersByTime(GRACE_MS * 2);
  expect(onGap).not.toHaveBeenCalled();
});

test("a great hole is a gap at once, and what is remembered stays small", () => {
  sequence.see(1_000_000);
  expect(onGap).toHaveBeenCalledTimes(1);
  sequence.see(1_000_001);
  vi.advanceTimersByTime(GRACE_MS * 2);
  expect(onGap).toHaveBeenCalledTimes(1);
});
