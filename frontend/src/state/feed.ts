/**
 * The live feed as plain data: the newest posts, each once, never more than `MOST_POSTS`.
 *
 * Newest means latest to arrive, since a feed may bring old posts. While the feed is held (someone reads, or pressed
 * pause), new posts wait in `held`, bounded too, and `heldCount` counts what came.
 */
import type { Post } from "../api/types";

export const MOST_POSTS = 200;

export interface Feed {
  readonly posts: readonly Post[];
  readonly held: readonly Post[];
  readonly heldCount: number;
  /** Held by the button. */
  readonly paused: boolean;
  /** Held because the pointer or the keyboard is in the list. */
  readonly reading: boolean;
  /** When the server last said (ms since the epoch) that it sends a sample only. */
  readonly sampledAt: number | null;
}

export const EMPTY_FEED: Feed = {
  posts: [],
  held: [],
  heldCount: 0,
  paused: false,
  reading: false,
  sampledAt: null,
};

export function isHeld(feed: Feed): boolean {
  return feed.paused || feed.reading;
}

/** Take in posts, in any order, some perhaps known already. */
export function receive(feed: Feed, incoming: readonly Post[]): Feed {
  if (!isHeld(feed)) return { ...feed, posts: merge(feed.posts, incoming) };
  const shown = new Map(feed.posts.map((post) => [post.id, post]));
  const waiting = new Set(feed.held.map((post) => post.id));
  const news = incoming.filter((post) => !shown.has(post.id));
  const fresh = new Set(news.filter((post) => !waiting.has(post.id)).map((post) => post.id));
  if (fresh.size === 0) return feed;
  return { ...feed, held: merge(feed.held, news), heldCount: feed.heldCount + fresh.size };
}

/** Show what was held. */
export function release(feed: Feed): Feed {
  if (feed.heldCount === 0) return feed;
  return { ...feed, posts: merge(feed.posts, feed.held), held: [], heldCount: 0 };
}

/** Pause or go on, by the button (`paused`) or by being in the list (`reading`). */
export function hold(feed: Feed, change: Partial<Pick<Feed, "paused" | "reading">>): Feed {
  const next = { ...feed, ...change };
  return isHeld(next) ? next : release(next);
}

function merge(known: readonly Post[], incoming: readonly Post[]): readonly Post[] {
  if (incoming.length === 0) return known;
  const byId = new Map(known.map((post) => [post.id, post]));
  for (const post of incoming) byId.set(post.id, post);
  return [...byId.values()].sort(newestFirst).slice(0, MOST_POSTS);
}

function newestFirst(a: Post, b: Post): number {
  return Date.parse(b.received_at) - Date.parse(a.received_at) || (a.id < b.id ? 1 : -1);
}
