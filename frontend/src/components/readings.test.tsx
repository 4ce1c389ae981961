// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { point, summary, trend } from "../test/make";
import { draw, loaded } from "../test/render";
import { EmotionsPanel } from "./EmotionsPanel";
import { GaugePanel } from "./GaugePanel";
import { SharePanel } from "./SharePanel";
import { TotalsPanel } from "./TotalsPanel";

const EMPTY = summary({
  posts: 0,
  unscored: 0,
  sentiment: { positive: 0, neutral: 0, negative: 0 },
  score: null,
  previous: { ...summary().previous, posts: 0, score: null },
});

function panel(name: string): HTMLElement {
  return screen.getByRole("region", { name });
}

test("the gauge tells the score, its mood, and the turn since the window before", () => {
  draw(<GaugePanel />, { summary: loaded(summary({ score: 0.21 })) });
  expect(panel("Mood")).toHaveTextContent("+0.21Fair");
  expect(panel("Mood")).toHaveTextContent("Up 0.11 from +0.10 in the hour before");
});

test("the gauge makes up no reading where nothing was scored", () => {
  draw(<GaugePanel />, { summary: loaded(EMPTY) });
  expect(panel("Mood")).toHaveTextContent("No reading");
  expect(panel("Mood").querySelector(".gauge__hand")).toBeNull();
});

test("the gauge says when there is nothing to compare with", () => {
  draw(<GaugePanel />, { summary: loaded(summary({ previous: { ...summary().previous, score: null } })) });
  expect(panel("Mood")).toHaveTextContent("Nothing in the hour before to compare with.");
});

test("totals count posts, posts a minute and unscored ones", () => {
  const minutes = trend([point(-1, { posts: 7 }), point(0, { posts: 3 })]);
  draw(<TotalsPanel />, { summary: loaded(summary()), trend: loaded(minutes) });
  expect(panel("The last hour")).toHaveTextContent("Posts12020% more");
  expect(panel("The last hour")).toHaveTextContent("A minute32 on average");
  expect(panel("The last hour")).toHaveTextContent("Unscored2017% of posts");
});

test("shares are of the scored posts, in words and numbers", () => {
  draw(<SharePanel />, { summary: loaded(summary()) });
  const rows = within(panel("Sentiment")).getAllByRole("listitem");
  expect(rows.map((row) => row.textContent)).toEqual([
    "Positive50%50 posts",
    "Neutral30%30 posts",
    "Negative20%20 posts",
  ]);
});

test("a window with nothing scored says so", () => {
  draw(<SharePanel />, { summary: loaded(EMPTY) });
  expect(panel("Sentiment")).toHaveTextContent("No scored posts in this window.");
});

test("a model that tells no emotions is said not to, and nothing is made up", () => {
  draw(<EmotionsPanel />, { summary: loaded(summary()) });
  expect(panel("Emotions")).toHaveTextContent("This model does not tell emotions.");
  expect(within(panel("Emotions")).queryByRole("list")).toBeNull();
});

test("emotions are shares of the posts that show one", () => {
  const emotions = { anger: 10, disgust: 0, fear: 0, joy: 30, neutral: 60, sadness: 0, surprise: 0 };
  draw(<EmotionsPanel />, { summary: loaded(summary({ emotions })) });
  const rows = within(panel("Emotions")).getAllByRole("listitem");
  expect(rows[0]).toHaveTextContent("Anger10%");
  expect(rows.at(-1)).toHaveTextContent("None of these60%");
});

test("what went wrong stands in words beside the last good reading", () => {
  const problem = { status: 503, title: "Not available just now", detail: "The database does not answer." };
  draw(<GaugePanel />, { summary: { ...loaded(summary()), problem } });
  expect(screen.getByRole("alert")).toHaveTextContent(
    "Not available just now. The database does not answer.",
  );
  expect(panel("Mood")).toHaveTextContent("+0.21");
});
