import { expect, test } from "vitest";

import { problemOf } from "./problem";

test("a problem is told in words, with what the server said", () => {
  const body = {
    type: "about:blank",
    title: "Unprocessable Entity",
    status: 422,
    detail: "window is longer than 31d",
    errors: [],
  };
  expect(problemOf(422, body)).toEqual({
    status: 422,
    title: "Unprocessable Entity",
    detail: "Window is longer than 31d.",
  });
});

test("where there is no detail, the fields at fault are told", () => {
  const errors = [
    { field: "window", reason: "is too long" },
    { field: "bucket", reason: "is required" },
  ];
  expect(problemOf(422, { title: "No", errors }).detail).toBe("Window is too long. Bucket is required.");
});

test.each([undefined, null, "<html>", 7, [], {}])("a body of %o is still a sentence", (body) => {
  expect(problemOf(502, body)).toEqual({ status: 502, title: "Barometer is starting or down", detail: "" });
  expect(problemOf(418, body).title).toBe("Barometer answered 418");
});
