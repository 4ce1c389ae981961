// @vitest-environment jsdom
import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { App } from "./App";
import { ok, refused, summary } from "./test/make";
import { draw } from "./test/render";

vi.mock("./lib/trendPlot", () => ({ TrendPlot: class {} }));

test("the first Tab is the way past the masthead", async () => {
  draw(<App offeredKey={null} />);
  await userEvent.tab();
  expect(screen.getByRole("link", { name: "Skip to the readings" })).toHaveFocus();
  expect(document.querySelector("#main")).not.toBeNull();
});

test("the reading stands on the tab", () => {
  const { store } = draw(<App offeredKey={null} />);
  act(() => store.dispatch({ type: "summary", answer: ok(summary({ score: -0.2 })) }));
  expect(document.title).toBe("−0.20 Gloomy · Barometer");
});

test("while nobody answers the first question, it says so rather than nothing", () => {
  const { store } = draw(<App offeredKey={null} />, { session: "checking" });
  expect(screen.getByText("Reading the glass…")).toBeInTheDocument();
  act(() => store.dispatch({ type: "summary", answer: refused(502, "It is starting.") }));
  expect(screen.getByRole("alert")).toHaveTextContent("It is starting.");
});

test("what went wrong with everything is said once", () => {
  const { store } = draw(<App offeredKey={null} />);
  const answer = refused(0, "Is it running?");
  act(() => {
    for (const type of ["summary", "trend", "posts", "alerts"] as const) store.dispatch({ type, answer });
  });
  expect(screen.getByRole("alert")).toHaveTextContent("Is it running?");
  act(() => store.dispatch({ type: "alerts", answer: refused(403, "Needs read.") }));
  expect(screen.getAllByRole("alert")).toHaveLength(2);
});

test("a key that was refused stands in the field; one that was taken is gone after the session", () => {
  const { store } = draw(<App offeredKey="bar_a_b" />, { session: "signed-out" });
  expect(screen.getByLabelText("Key")).toHaveValue("bar_a_b");
  act(() => store.dispatch({ type: "signed-in" }));
  act(() => store.dispatch({ type: "signed-out", problem: null }));
  expect(screen.getByLabelText("Key")).toHaveValue("");
});
