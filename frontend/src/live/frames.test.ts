import { expect, test } from "vitest";

import { alert, point, post, summary } from "../test/make";
import { parseFrame } from "./frames";

function parse(frame: unknown): ReturnType<typeof parseFrame> {
  return parseFrame(JSON.stringify(frame));
}

test("every frame of the contract is read", () => {
  const a = post();
  expect(parse({ type: "hello", seq: 0, missed: false })).toEqual({ type: "hello", seq: 0 });
  expect(parse({ type: "pong", seq: 4 })).toEqual({ type: "pong", seq: 4 });
  expect(parse({ type: "posts", seq: 1, posts: [a] })).toEqual({
    type: "posts",
    seq: 1,
    posts: [a],
    omitted: 0,
  });
  expect(parse({ type: "posts", seq: 1, posts: [a], sampled: true, omitted: 7 })).toMatchObject({
    omitted: 7,
  });
  const metrics = {
    type: "metrics",
    seq: 2,
    topic: "*",
    summary: summary(),
    bucket_seconds: 60,
    trend_tail: [point(0)],
  };
  expect(parse(metrics)).toMatchObject({ topic: "*", bucketSeconds: 60, trendTail: [point(0)] });
  const told = alert();
  expect(parse({ type: "alert", seq: 3, alert: told })).toEqual({ type: "alert", seq: 3, alert: told });
  const problem = { title: "Unprocessable", status: 422, detail: "topics is required" };
  expect(parse({ type: "error", problem })).toMatchObject({
    type: "error",
    problem: { status: 422, detail: "Topics is required." },
  });
});

test.each([
  "not json",
  "[]",
  "null",
  "{}",
  '{"type":"posts","posts":[]}',
  '{"type":"posts","seq":1}',
  '{"type":"metrics","seq":1,"topic":"*"}',
  '{"type":"alert","seq":1,"alert":{}}',
  '{"type":"of tomorrow","seq":1}',
])("%s is no frame of ours", (message) => {
  expect(parseFrame(message)).toBeNull();
});

test("bytes are no frame of ours", () => {
  expect(parseFrame(new ArrayBuffer(2))).toBeNull();
});
