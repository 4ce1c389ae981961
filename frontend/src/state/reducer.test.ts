import { expect, test } from "vitest";

import { alert, ok, point, post, refused, summary, trend } from "../test/make";
import { loaded } from "../test/render";
import { reduce } from "./reducer";
import { type Action, INITIAL, linkMode, type State } from "./state";

const START: State = { ...INITIAL, session: "signed-in" };

function after(state: State, ...actions: Action[]): State {
  return actions.reduce(reduce, state);
}

function metrics(change: object = {}): Action {
  const frame = {
    seq: 1,
    topic: "*",
    summary: summary({ posts: 999 }),
    bucketSeconds: 60,
    trendTail: [point(0, { posts: 9 })],
  };
  return { type: "metrics-frame", frame: { type: "metrics", ...frame, ...change } };
}

test("the badge is Live only while the socket is, Polling while REST answers, else Offline", () => {
  expect(linkMode(START)).toBe("connecting");
  const live = after(START, { type: "live", live: true });
  expect(linkMode(live)).toBe("live");
  const polling = after(live, { type: "summary", answer: ok(summary()) }, { type: "live", live: false });
  expect(linkMode(polling)).toBe("polling");
  for (const status of [0, 502, 503, 504]) {
    expect(linkMode(after(polling, { type: "summary", answer: refused(status) }))).toBe("offline");
  }
  expect(linkMode(after(polling, { type: "summary", answer: refused(422) }))).toBe("polling");
});

test("an error keeps the last good answer beside it, and the next good answer takes it away", () => {
  const good = after(START, { type: "summary", answer: ok(summary({ posts: 7 })) });
  const bad = after(good, { type: "summary", answer: refused(500) });
  expect(bad.summary).toMatchObject({ value: { posts: 7 }, problem: { status: 500 } });
  expect(after(bad, { type: "summary", answer: ok(summary()) }).summary.problem).toBeNull();
});

test("a metrics frame for the very view is its newest answer", () => {
  const state = after({ ...START, trend: loaded(trend()) }, metrics());
  expect(state.summary.value?.posts).toBe(999);
  expect(state.trend.value?.points.at(-1)?.posts).toBe(9);
});

test.each([{ topic: "other" }, { summary: summary({ window: "24h" }) }])(
  "a metrics frame for another view changes nothing: %o",
  (change) => {
    expect(after(START, metrics(change))).toBe(START);
  },
);

test("a metrics frame tells nothing of one source", () => {
  const state = { ...START, selection: { ...START.selection, source: "bluesky" } };
  expect(after(state, metrics())).toBe(state);
});

test("metrics are not laid over the trend of an earlier view", () => {
  const stale = { ...loaded(trend()), stale: true };
  const state = after({ ...START, trend: stale }, metrics());
  expect(state.trend).toBe(stale);
});

test("another topic empties the feed; another window does not", () => {
  const state = after(START, { type: "posts", answer: ok([post()]) });
  const window = after(state, { type: "selected", selection: { ...state.selection, window: "7d" } });
  expect(window.feed.posts).toHaveLength(1);
  expect(window.summary.stale).toBe(true);
  const topic = after(state, { type: "selected", selection: { ...state.selection, topic: "coffee" } });
  expect(topic.feed.posts).toHaveLength(0);
});

test("posts of the view before, still on their way, do not enter the new one", () => {
  const selection = { topic: "coffee", source: "bluesky", window: "1h" } as const;
  const state = after(
    { ...START, selection },
    {
      type: "posts-frame",
      at: 0,
      frame: {
        type: "posts",
        seq: 1,
        omitted: 0,
        posts: [
          post({ topics: ["coffee"], source: "bluesky", text: "fits" }),
          post({ topics: ["coffee"], source: "mastodon" }),
          post({ topics: ["tea"], source: "bluesky" }),
        ],
      },
    },
  );
  expect(state.feed.posts.map(({ text }) => text)).toEqual(["fits"]);
  expect(state.sources).toEqual(["bluesky", "mastodon"]);
});

test("the first posts of a view are shown even while the feed is paused", () => {
  const state = after(
    START,
    { type: "held", change: { paused: true } },
    { type: "posts", answer: ok([post()]) },
  );
  expect(state.feed).toMatchObject({ paused: true, heldCount: 0 });
  expect(state.feed.posts).toHaveLength(1);
});

test("a sampled frame is remembered", () => {
  const frame = { type: "posts", seq: 1, posts: [post()], omitted: 3 } as const;
  expect(after(START, { type: "posts-frame", frame, at: 42 }).feed.sampledAt).toBe(42);
});

test("firing alerts stand first, and an alert that changes is still one", () => {
  const fires = alert({ fired_at: "2026-03-01T08:00:00Z" });
  const calm = alert({
    state: "resolved",
    fired_at: "2026-03-01T09:00:00Z",
    resolved_at: "2026-03-01T09:30:00Z",
  });
  const state = after(START, { type: "alerts", answer: ok([calm, fires]) });
  expect(state.alerts.value?.map(({ id }) => id)).toEqual([fires.id, calm.id]);
  const resolved = { ...fires, state: "resolved", resolved_at: "2026-03-01T10:00:00Z" } as const;
  const next = after(state, { type: "alert-frame", frame: { type: "alert", seq: 1, alert: resolved } });
  expect(next.alerts.value?.map(({ id }) => id)).toEqual([calm.id, fires.id]);
});

test("an acknowledgement that is refused leaves the alert as it was, and says why", () => {
  const fires = alert();
  const state = after(
    { ...START, alerts: loaded([fires]) },
    { type: "acknowledging", id: fires.id },
    { type: "acknowledged", id: fires.id, answer: refused(403) },
  );
  expect(state.alerts).toMatchObject({ value: [fires], problem: { status: 403 } });
  expect(state.acknowledging).toEqual({});
});

test("nothing that a key showed stays after it is gone", () => {
  const state = after(START, { type: "posts", answer: ok([post()]) }, { type: "signed-out", problem: null });
  expect(state).toEqual({ ...INITIAL, session: "signed-out" });
});
