// @vitest-environment jsdom
import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { ok, point, refused, trend } from "../test/make";
import { draw, loaded } from "../test/render";
import { TrendPanel } from "./TrendPanel";

// jsdom has no canvas; the plot is seen in a real browser, by the end-to-end tests.
const plots = vi.hoisted(
  () => [] as { moveTo: (index: number | null) => void; shown: number; destroyed: boolean }[],
);
vi.mock("../lib/trendPlot", () => ({
  TrendPlot: class {
    shown = 0;
    destroyed = false;
    readonly moveTo: (index: number | null) => void;
    constructor(_host: HTMLElement, onCursor: (index: number | null) => void) {
      this.moveTo = onCursor;
      plots.push(this);
    }
    show(): void {
      this.shown += 1;
    }
    destroy(): void {
      this.destroyed = true;
    }
  },
}));

const POINTS = [
  point(-1, { posts: 9, positive: 5, neutral: 3, negative: 1, score: 0.4 }),
  point(0, { posts: 4, unscored: 1, positive: 0, neutral: 1, negative: 2, score: -0.2 }),
];

afterEach(() => {
  plots.length = 0;
});

test("the arrow keys go from point to point, each told in words", async () => {
  draw(<TrendPanel />, { trend: loaded(trend(POINTS)) });
  const slider = screen.getByRole("slider", { name: "Trend, point by point" });
  expect(slider).toHaveAttribute(
    "aria-valuetext",
    expect.stringContaining("4 posts, 0 positive, 1 neutral, 2 negative, score −0.20"),
  );
  slider.focus();
  await userEvent.keyboard("{ArrowLeft}{ArrowLeft}");
  expect(slider).toHaveAttribute("aria-valuetext", expect.stringContaining("9 posts"));
  expect(slider).toHaveAttribute("aria-valuenow", "0");
});

test("the table tells the same numbers, newest first", async () => {
  draw(<TrendPanel />, { trend: loaded(trend(POINTS)) });
  act(() => screen.getByText("As a table").closest("details")?.setAttribute("open", ""));
  const rows = (await screen.findAllByRole("row")).slice(1);
  expect(rows[0]).toHaveTextContent("40121−0.20");
  expect(rows[1]).toHaveTextContent("95310+0.40");
});

test("a new answer is shown on the same plot, and the plot goes with the panel", () => {
  const { store } = draw(<TrendPanel />, { trend: loaded(trend(POINTS)) });
  act(() => store.dispatch({ type: "trend", answer: ok(trend([...POINTS])) }));
  expect(plots).toHaveLength(1);
  expect(plots[0]).toMatchObject({ shown: 2, destroyed: false });
  act(() => store.dispatch({ type: "signed-out", problem: null }));
  expect(plots[0]?.destroyed).toBe(true);
});

test("a window without posts says so", () => {
  draw(<TrendPanel />, { trend: loaded(trend()) });
  expect(screen.getByText("No posts in the last hour.")).toBeInTheDocument();
});

test("a trend that cannot be had is a problem in words", () => {
  const { store } = draw(<TrendPanel />);
  act(() => store.dispatch({ type: "trend", answer: refused(503, "The database does not answer.") }));
  expect(screen.getByRole("alert")).toHaveTextContent("The database does not answer.");
});
