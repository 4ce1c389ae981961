// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import { expect, test } from "vitest";

import { AT, pipeline } from "../test/make";
import { draw, loaded } from "../test/render";
import { ModelPanel } from "./ModelPanel";

const since = new Date(AT).toISOString();

test("the chosen model is named, and nothing is said against it", () => {
  draw(<ModelPanel />, {
    pipeline: loaded(pipeline({ model: { in_use: "barometer-en-1", since, fallback_because: null } })),
  });
  expect(screen.getByText("barometer-en-1")).toBeInTheDocument();
  expect(screen.queryByText(/because/)).toBeNull();
  expect(screen.queryByText("Not the chosen one")).toBeNull();
});

test("another model is told with its reason, and posts by model and reason", () => {
  draw(<ModelPanel />, {
    pipeline: loaded(
      pipeline({
        model: { in_use: "linear-en-1", since, fallback_because: "local: no model.onnx" },
        scored_by: [
          { model: "linear-en-1", because: "local: no model.onnx", posts: 1200 },
          { model: null, because: "no model reads the language", posts: 7 },
        ],
      }),
    ),
  });
  expect(screen.getByText("Not the chosen one")).toBeInTheDocument();
  expect(screen.getByText(/because local: no model.onnx/)).toBeInTheDocument();
  const items = screen.getAllByRole("listitem").map((item) => item.textContent);
  expect(items).toEqual(["linear-en-1: local: no model.onnx1,200", "Unscored: no model reads the language7"]);
});

test("that nothing can score is said", () => {
  draw(<ModelPanel />, {
    pipeline: loaded(
      pipeline({ model: { in_use: null, since, fallback_because: "no model can be reached" } }),
    ),
  });
  expect(screen.getByText("None")).toBeInTheDocument();
  expect(screen.getByText(/because no model can be reached/)).toBeInTheDocument();
});

test("a day without a score and an answer that did not come are told", () => {
  draw(<ModelPanel />, { pipeline: loaded(pipeline()) });
  expect(screen.getByText("Nothing was scored for a day.")).toBeInTheDocument();
  const problem = { status: 500, title: "Status 500", detail: "" };
  draw(<ModelPanel />, { pipeline: { value: null, problem, stale: true } });
  expect(screen.getByRole("alert")).toHaveTextContent("Status 500");
});
