import { expect, test } from "vitest";

import type { Post } from "../api/types";
import { post } from "../test/make";
import { EMPTY_FEED, hold, MOST_POSTS, receive, release } from "./feed";

function ids(posts: readonly Post[]): string[] {
  return posts.map(({ id }) => id);
}

test("the newest arrival stands first, in whatever order they came", () => {
  const [a, b, c] = [post(), post(), post()];
  const feed = receive(receive(EMPTY_FEED, [b]), [a, c]);
  expect(ids(feed.posts)).toEqual(ids([c, b, a]));
});

test("a post that comes twice is shown once, as it was said last", () => {
  const first = post({ text: "first" });
  const feed = receive(receive(EMPTY_FEED, [first]), [{ ...first, text: "corrected" }]);
  expect(feed.posts.map(({ text }) => text)).toEqual(["corrected"]);
});

test("no more than the most are kept, however many come", () => {
  let feed = EMPTY_FEED;
  for (let i = 0; i < 30; i++)
    feed = receive(
      feed,
      Array.from({ length: 20 }, () => post()),
    );
  expect(feed.posts).toHaveLength(MOST_POSTS);
});

test("while held nothing moves, and what came is counted once each", () => {
  const [a, b] = [post(), post()];
  let feed = hold(receive(EMPTY_FEED, [a]), { reading: true });
  feed = receive(receive(feed, [b]), [a, b]);
  expect(ids(feed.posts)).toEqual([a.id]);
  expect(feed.heldCount).toBe(1);
});

test("leaving the list shows what came meanwhile", () => {
  const [a, b] = [post(), post()];
  let feed = hold(receive(EMPTY_FEED, [a]), { reading: true });
  feed = hold(receive(feed, [b]), { reading: false });
  expect(ids(feed.posts)).toEqual([b.id, a.id]);
  expect(feed).toMatchObject({ heldCount: 0, held: [] });
});

test("leaving the list does not undo the pause button", () => {
  let feed = hold(hold(EMPTY_FEED, { paused: true }), { reading: true });
  feed = hold(receive(feed, [post()]), { reading: false });
  expect(feed).toMatchObject({ posts: [], heldCount: 1 });
});

test("a feed held for a day keeps to its bound, and its count tells all that came", () => {
  let feed = hold(EMPTY_FEED, { paused: true });
  for (let i = 0; i < 30; i++)
    feed = receive(
      feed,
      Array.from({ length: 20 }, () => post()),
    );
  expect(feed.held).toHaveLength(MOST_POSTS);
  expect(feed.heldCount).toBe(600);
  expect(release(feed).posts).toHaveLength(MOST_POSTS);
});
