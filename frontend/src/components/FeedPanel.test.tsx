// @vitest-environment jsdom
import { act, fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import type { Post } from "../api/types";
import { EMPTY_FEED, receive } from "../state/feed";
import type { State } from "../state/state";
import { post } from "../test/make";
import { draw, loaded } from "../test/render";
import { FeedPanel } from "./FeedPanel";

function showing(...posts: Post[]): Partial<State> {
  return { feed: receive(EMPTY_FEED, posts), feedLoaded: loaded(true) };
}

function arrive(store: ReturnType<typeof draw>["store"], ...posts: Post[]): void {
  const frame = { type: "posts", seq: 1, posts, omitted: 0 } as const;
  act(() => store.dispatch({ type: "posts-frame", frame, at: Date.now() }));
}

function texts(): (string | null | undefined)[] {
  return screen.queryAllByRole("article").map((article) => article.querySelector(".post__text")?.textContent);
}

test("a post shows its words, sentiment, score, source and topics", () => {
  draw(
    <FeedPanel />,
    showing(post({ text: "What a day", topics: ["coffee"], source: "bluesky", author: "ada" })),
  );
  const article = screen.getByRole("article");
  for (const words of ["What a day", "Positive", "+0.60", "bluesky", "coffee", "ada"])
    expect(article).toHaveTextContent(words);
});

test("a post that was not scored is said not to be", () => {
  draw(<FeedPanel />, showing(post({ sentiment: null })));
  expect(screen.getByRole("article")).toHaveTextContent("Unscored");
});

const JOYFUL = {
  label: "joy",
  anger: 0,
  disgust: 0,
  fear: 0,
  joy: 0.7,
  neutral: 0.2,
  sadness: 0,
  surprise: 0.1,
} as const;

test("a post shows its emotion, and how sure of it which model was", () => {
  draw(<FeedPanel />, showing(post({ emotion: JOYFUL, model: "barometer-en-1" })));
  expect(screen.getByText("joy")).toHaveAttribute("title", "joy 70%, neutral 20%, surprise 10%");
  expect(screen.getByRole("article")).toHaveTextContent("scored by barometer-en-1");
});

test("no emotion is not shown as one", () => {
  draw(<FeedPanel />, showing(post({ emotion: { ...JOYFUL, label: "neutral", neutral: 0.9, joy: 0 } })));
  expect(screen.queryByText("neutral")).toBeNull();
});

test("a post that no model scored names none", () => {
  draw(<FeedPanel />, showing(post({ sentiment: null, model: null })));
  expect(screen.getByRole("article")).not.toHaveTextContent("scored by");
});

test("markup in a post is text", () => {
  draw(<FeedPanel />, showing(post({ text: "<img src=x onerror=alert(1)>" })));
  expect(screen.getByText("<img src=x onerror=alert(1)>")).toBeInTheDocument();
});

test("a topic's chip looks at that topic", async () => {
  const { store } = draw(<FeedPanel />, showing(post({ topics: ["coffee"] })));
  await userEvent.click(screen.getByRole("button", { name: "coffee" }));
  expect(store.get().selection.topic).toBe("coffee");
});

test("a topic chosen by its chip leaves the focus in the feed, and holds nothing back", async () => {
  const { store } = draw(<FeedPanel />, showing(post({ topics: ["coffee"] })));
  await userEvent.keyboard("{Tab}{Tab}{Tab}{Enter}");
  expect(screen.getByRole("list")).toHaveFocus();
  arrive(store, post({ text: "new", topics: ["coffee"] }));
  expect(texts()).toEqual(["new"]);
});

test("arrivals stand first", () => {
  const { store } = draw(<FeedPanel />, showing(post({ text: "old" })));
  arrive(store, post({ text: "new" }));
  expect(texts()).toEqual(["new", "old"]);
});

test("paused, arrivals wait behind a button that counts them and shows them", async () => {
  const { store } = draw(<FeedPanel />, showing(post({ text: "old" })));
  await userEvent.click(screen.getByRole("button", { name: "Pause" }));
  arrive(store, post({ text: "new" }), post({ text: "newer" }));
  expect(texts()).toEqual(["old"]);
  await userEvent.click(screen.getByRole("button", { name: "2 new" }));
  expect(texts()).toEqual(["newer", "new", "old"]);
  expect(screen.getByRole("button", { name: "Pause" })).toHaveAttribute("aria-pressed", "false");
});

test("under a mouse the list stands still; a finger does not hold it", () => {
  const { store } = draw(<FeedPanel />, showing(post({ text: "old" })));
  const list = screen.getByRole("list");
  fireEvent.pointerEnter(list, { pointerType: "touch" });
  arrive(store, post({ text: "new" }));
  expect(texts()).toEqual(["new", "old"]);
  fireEvent.pointerEnter(list, { pointerType: "mouse" });
  arrive(store, post({ text: "newer" }));
  expect(texts()).toEqual(["new", "old"]);
  fireEvent.pointerLeave(list, { pointerType: "mouse" });
  expect(texts()).toEqual(["newer", "new", "old"]);
});

test("Tab stops at one post; Up and Down go from post to post, and the list stands still meanwhile", async () => {
  const { store } = draw(
    <FeedPanel />,
    showing(post({ text: "c" }), post({ text: "b" }), post({ text: "a" })),
  );
  await userEvent.tab();
  expect(screen.getByRole("button", { name: "Pause" })).toHaveFocus();
  await userEvent.tab();
  const articles = screen.getAllByRole("article");
  expect(articles[0]).toHaveFocus();
  await userEvent.keyboard("{ArrowDown}{ArrowDown}{ArrowDown}");
  expect(articles[2]).toHaveFocus();
  arrive(store, post({ text: "new" }));
  expect(texts()).toEqual(["a", "b", "c"]);
  await userEvent.keyboard("{Home}");
  expect(articles[0]).toHaveFocus();
  await userEvent.tab();
  expect(document.body).toHaveFocus();
  expect(texts()).toEqual(["new", "a", "b", "c"]);
});

test("a sample is said to be one, for a while", () => {
  draw(<FeedPanel />, { ...showing(post()), feed: { ...EMPTY_FEED, sampledAt: Date.now() } });
  expect(screen.getByText(/this is a sample/)).toBeInTheDocument();
});

test("an empty feed says what it waits for", () => {
  draw(<FeedPanel />, showing());
  expect(screen.getByText("No posts yet. They appear here as they arrive.")).toBeInTheDocument();
});
