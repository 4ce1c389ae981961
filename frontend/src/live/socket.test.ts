import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { FakeWire, post } from "../test/make";
import { GRACE_MS } from "./sequence";
import { LiveSocket, OPEN_MS, PING_MS, SILENCE_MS, STEADY_MS } from "./socket";

const onLive = vi.fn();
const onGap = vi.fn();
const onFrame = vi.fn();
let wires: FakeWire[];
let socket: LiveSocket;

function wire(index = -1): FakeWire {
  const found = wires.at(index);
  if (found === undefined) throw new Error("no such wire");
  return found;
}

beforeEach(() => {
  vi.useFakeTimers();
  for (const heard of [onLive, onGap, onFrame]) heard.mockClear();
  wires = [];
  const open = (): FakeWire => {
    wires.push(new FakeWire());
    return wire();
  };
  socket = new LiveSocket(open, { onLive, onGap, onFrame }, () => 1);
});

afterEach(() => {
  socket.stop();
  expect(vi.getTimerCount(), "no timer outlives the socket").toBe(0);
});

function goLive(seq = 0): void {
  wire().opens();
  wire().hears({ type: "hello", seq });
}

test("it subscribes once open and is live only once greeted", () => {
  socket.start("football");
  expect(wire().said).toEqual([]);
  wire().opens();
  expect(wire().said).toEqual([{ action: "subscribe", topics: ["football"], posts: true }]);
  expect(onLive).not.toHaveBeenCalled();
  wire().hears({ type: "hello", seq: 0 });
  expect(onLive.mock.calls).toEqual([[true]]);
});

test("what came before the greeting is asked of REST", () => {
  socket.start("*");
  goLive();
  expect(onGap).toHaveBeenCalledTimes(1);
});

test("a lost frame is asked of REST", () => {
  socket.start("*");
  goLive();
  wire().hears({ type: "posts", seq: 1, posts: [post()] });
  wire().hears({ type: "posts", seq: 3, posts: [post()] });
  vi.advanceTimersByTime(GRACE_MS);
  expect(onGap).toHaveBeenCalledTimes(2);
  expect(onFrame).toHaveBeenCalledTimes(3);
});

test("it pings, and pongs keep it live for as long as they come", () => {
  socket.start("*");
  goLive();
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(PING_MS);
    expect(wire().said.at(-1)).toEqual({ action: "ping" });
    wire().hears({ type: "pong", seq: 0 });
  }
  expect(onLive.mock.calls).toEqual([[true]]);
});

test("silence ends live, and the connection", () => {
  socket.start("*");
  goLive();
  vi.advanceTimersByTime(SILENCE_MS - 1);
  expect(onLive.mock.calls).toEqual([[true]]);
  vi.advanceTimersByTime(1);
  expect(onLive.mock.calls).toEqual([[true], [false]]);
  expect(wire(0).closed).toBe(true);
});

test("a connection that never opens is given up and tried again", () => {
  socket.start("*");
  vi.advanceTimersByTime(OPEN_MS + 1_000);
  expect(wires).toHaveLength(2);
  expect(wire(0).closed).toBe(true);
});

test("reconnections come later and later, and soon again after a steady connection", () => {
  socket.start("*");
  for (const wait of [1_000, 2_000, 4_000]) {
    wire().breaks();
    vi.advanceTimersByTime(wait - 1);
    const before = wires.length;
    vi.advanceTimersByTime(1);
    expect(wires).toHaveLength(before + 1);
  }
  goLive();
  for (let waited = 0; waited < STEADY_MS; waited += PING_MS) {
    vi.advanceTimersByTime(PING_MS);
    wire().hears({ type: "pong", seq: 0 });
  }
  const before = wires.length;
  wire().breaks();
  vi.advanceTimersByTime(1_000);
  expect(wires).toHaveLength(before + 1);
});

test("a connection that greets and breaks at once does not make a hot loop", () => {
  socket.start("*");
  for (let i = 0; i < 10; i++) {
    goLive();
    wire().breaks();
    vi.advanceTimersByTime(30_000);
  }
  goLive();
  wire().breaks();
  const before = wires.length;
  vi.advanceTimersByTime(29_999);
  expect(wires).toHaveLength(before);
});

test("another topic is another subscription on the same connection", () => {
  socket.start("*");
  goLive();
  socket.subscribe("coffee");
  expect(wires).toHaveLength(1);
  expect(wire().said.at(-1)).toEqual({ action: "subscribe", topics: ["coffee"], posts: true });
});

test("a topic chosen while disconnected is subscribed to on reconnection", () => {
  socket.start("*");
  goLive();
  wire().breaks();
  socket.subscribe("coffee");
  vi.advanceTimersByTime(1_000);
  wire().opens();
  expect(wire().said).toEqual([{ action: "subscribe", topics: ["coffee"], posts: true }]);
});

test("hurry does not wait for the backoff, and leaves a good connection alone", () => {
  socket.start("*");
  wire().breaks();
  socket.hurry();
  expect(wires).toHaveLength(2);
  goLive();
  socket.hurry();
  expect(wires).toHaveLength(2);
});

test("once stopped it stays so", () => {
  socket.start("*");
  goLive();
  socket.stop();
  vi.advanceTimersByTime(120_000);
  socket.hurry();
  expect(wires).toHaveLength(1);
  expect(onLive.mock.calls).toEqual([[true], [false]]);
});

test("garbage is a sign of life and nothing more", () => {
  socket.start("*");
  goLive();
  vi.advanceTimersByTime(SILENCE_MS - 1_000);
  wire().hears("garbage");
  vi.advanceTimersByTime(SILENCE_MS - 1_000);
  expect(onLive.mock.calls).toEqual([[true]]);
  expect(onFrame).toHaveBeenCalledTimes(1);
});

test("after the machine slept, a look at the page replaces the connection: timers stood still, the clock did not", () => {
  socket.start("*");
  goLive();
  socket.hurry();
  expect(wires, "one that was heard lately is kept").toHaveLength(1);
  vi.setSystemTime(Date.now() + SILENCE_MS + 1);
  socket.hurry();
  expect(onLive.mock.calls).toEqual([[true], [false]]);
  expect(wires).toHaveLength(2);
});

test("after the machine slept, the next ping finds out at the latest", () => {
  socket.start("*");
  goLive();
  vi.setSystemTime(Date.now() + SILENCE_MS);
  vi.advanceTimersByTime(PING_MS);
  expect(onLive.mock.calls).toEqual([[true], [false]]);
});
