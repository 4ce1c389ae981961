import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Answer, Api, Scope } from "../api/client";
import type { Summary } from "../api/types";
import { FakeWire, fakeApi, ok, pipeline, point, post, refused, summary, trend } from "../test/make";
import { Dashboard, POLL_MS, TIDY_MS } from "./dashboard";
import { reduce } from "./reducer";
import { WINDOW } from "./selection";
import { INITIAL, linkMode, type State } from "./state";
import { createStore } from "./store";

let wires: FakeWire[];
let dashboard: Dashboard;
const asked = vi.fn<(scope: Scope) => Promise<Answer<Summary>>>();

function begin(api: Partial<Api> = {}, state: Partial<State> = {}): void {
  dashboard = new Dashboard({
    api: fakeApi({ summary: (scope) => asked(scope), ...api }),
    store: createStore(reduce, { ...INITIAL, ...state }),
    openSocket: () => {
      const wire = new FakeWire();
      wires.push(wire);
      return wire;
    },
    random: () => 1,
  });
}

function state(): State {
  return dashboard.store.get();
}

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

async function goLive(): Promise<FakeWire> {
  const wire = wires.at(-1);
  if (wire === undefined) throw new Error("no socket was opened");
  wire.opens();
  wire.hears({ type: "hello", seq: 0 });
  await settle();
  asked.mockClear();
  return wire;
}

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  asked.mockReset().mockImplementation(async () => ok(summary()));
});

afterEach(() => {
  dashboard.stop();
  expect(vi.getTimerCount(), "no timer outlives the dashboard").toBe(0);
});

test("a browser with a session is let in; one without is asked for a key, and no socket is opened", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  expect(state().session).toBe("signed-in");
  expect(wires).toHaveLength(1);
  dashboard.stop();

  wires = [];
  asked.mockImplementation(async () => refused(401));
  begin({
    trend: async () => refused(401),
    posts: async () => refused(401),
    topics: async () => refused(401),
    alerts: async () => refused(401),
    pipeline: async () => refused(401),
  });
  await dashboard.start(null);
  await settle();
  expect(state()).toMatchObject({ session: "signed-out", signIn: { problem: null } });
  expect(wires).toHaveLength(0);
});

test("a key from the address signs in at once", async () => {
  const signIn = vi.fn(async () => ok(null));
  begin({ signIn });
  await dashboard.start("bar_a_b");
  await settle();
  expect(signIn).toHaveBeenCalledWith("bar_a_b");
  expect(state().session).toBe("signed-in");
});

test("a wrong key says so", async () => {
  begin({ signIn: async () => refused(401, "The key is not known.") });
  await dashboard.start("bar_a_b");
  expect(state()).toMatchObject({
    session: "signed-out",
    signIn: { busy: false, problem: { title: "That key is not right", detail: "The key is not known." } },
  });
});

test("a Barometer that does not answer is not called a wrong key", async () => {
  begin({ signIn: async () => refused(503) });
  await dashboard.start("bar_a_b");
  expect(state().signIn.problem?.title).toBe("Status 503");
});

test("without a socket it polls, and says Polling", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  wires[0]?.breaks();
  expect(linkMode(state())).toBe("polling");
  asked.mockClear();
  await settle(POLL_MS * 3);
  expect(asked).toHaveBeenCalledTimes(3);
});

test("when nothing answers it says Offline, and Polling once something does", async () => {
  let up = true;
  const often = async (): Promise<Answer<never[]>> => (up ? ok([]) : refused(0));
  asked.mockImplementation(async () => (up ? ok(summary()) : refused(0)));
  begin({
    trend: async () => (up ? ok(trend()) : refused(0)),
    pipeline: async () => (up ? ok(pipeline()) : refused(0)),
    posts: often,
    topics: often,
    alerts: often,
  });
  await dashboard.start(null);
  await settle();
  wires[0]?.breaks();
  up = false;
  await settle(POLL_MS);
  expect(linkMode(state())).toBe("offline");
  expect(state().summary.value, "what was heard last stays").not.toBeNull();
  await settle(POLL_MS * 12);
  const tries = wires.length;
  wires.at(-1)?.breaks();
  up = true;
  await settle(POLL_MS);
  expect(linkMode(state())).toBe("polling");
  expect(wires, "the socket does not wait out its backoff").toHaveLength(tries + 1);
});

test("live, it asks REST only now and then", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  expect(linkMode(state())).toBe("live");
  for (let waited = 0; waited < TIDY_MS; waited += 10_000) {
    expect(asked).not.toHaveBeenCalled();
    await settle(10_000);
    wire.hears({ type: "pong", seq: 0 });
  }
  await settle(1);
  expect(asked).toHaveBeenCalledTimes(1);
});

test("when live ends, polling begins within one poll", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  wire.breaks();
  expect(linkMode(state())).toBe("polling");
  await settle(POLL_MS);
  expect(asked).toHaveBeenCalled();
});

test("a gap is repaired by REST", async () => {
  const found = post({ text: "was lost on the way" });
  const posts = vi.fn(async () => ok([found]));
  begin({ posts });
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  posts.mockClear();
  wire.hears({ type: "posts", seq: 2, posts: [post()] });
  await settle(1_000);
  expect(posts).toHaveBeenCalledTimes(1);
  expect(state().feed.posts.map(({ text }) => text)).toContain("was lost on the way");
});

test("frames reach the page without REST", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  wire.hears({ type: "posts", seq: 1, posts: [post({ text: "hot" })] });
  wire.hears({
    type: "metrics",
    seq: 2,
    topic: "*",
    summary: summary({ posts: 5 }),
    bucket_seconds: 60,
    trend_tail: [point(0)],
  });
  expect(state().feed.posts[0]?.text).toBe("hot");
  expect(state().summary.value?.posts).toBe(5);
  await settle(3_000);
  expect(asked).not.toHaveBeenCalled();
});

test("metrics of another window make it ask for this one's numbers, at most so often", async () => {
  begin({}, { selection: { ...INITIAL.selection, window: "24h" } });
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  for (let seq = 1; seq <= 20; seq++) {
    wire.hears({ type: "metrics", seq, topic: "*", summary: summary(), bucket_seconds: 60, trend_tail: [] });
    await settle(500);
  }
  expect(asked).toHaveBeenCalledTimes(10_000 / WINDOW["24h"].restMs);
});

test("answers to an earlier question reach nobody", async () => {
  let answerLate: (answer: Answer<Summary>) => void = () => {};
  begin();
  await dashboard.start(null);
  await settle();
  asked.mockImplementation(({ topic }) =>
    topic === "slow"
      ? new Promise((resolve) => {
          answerLate = resolve;
        })
      : Promise.resolve(ok(summary({ topic, posts: 1 }))),
  );
  dashboard.select({ topic: "slow" });
  await settle();
  dashboard.select({ topic: "quick" });
  await settle();
  answerLate(ok(summary({ topic: "slow", posts: 2 })));
  await settle();
  expect(state().summary.value).toMatchObject({ topic: "quick", posts: 1 });
});

test("another topic is subscribed to and asked for", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  const wire = await goLive();
  dashboard.select({ topic: "coffee" });
  await settle();
  expect(wire.said.at(-1)).toEqual({ action: "subscribe", topics: ["coffee"], posts: true });
  expect(asked).toHaveBeenLastCalledWith(expect.objectContaining({ topic: "coffee" }));
});

test("a session that ends is said, and everything stops", async () => {
  begin();
  await dashboard.start(null);
  await settle();
  await goLive();
  asked.mockImplementation(async () => refused(401));
  dashboard.wake();
  await settle();
  expect(state()).toMatchObject({
    session: "signed-out",
    live: false,
    signIn: { problem: { title: "Your session has ended" } },
  });
  asked.mockClear();
  await settle(120_000);
  expect(asked).not.toHaveBeenCalled();
  expect(wires).toHaveLength(1);
});

test("one refresh runs at a time, and what is asked for meanwhile runs once", async () => {
  let running = 0;
  let most = 0;
  asked.mockImplementation(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 100));
    running -= 1;
    return ok(summary());
  });
  begin();
  await dashboard.start(null);
  for (let i = 0; i < 10; i++) dashboard.wake();
  await settle(1_000);
  expect(most).toBe(1);
  expect(asked).toHaveBeenCalledTimes(2);
});
