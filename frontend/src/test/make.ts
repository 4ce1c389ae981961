/** Makes what the API sends, whole and valid; a test says only what matters to it. */
import type { Answer, Api } from "../api/client";
import type { Alert, Pipeline, Post, Summary, Topic, Trend, TrendPoint } from "../api/types";
import type { Wire } from "../live/socket";

export const AT = Date.parse("2026-03-01T12:00:30Z");

let made = 0;

export function post(change: Partial<Post> = {}): Post {
  made += 1;
  const at = new Date(AT + made * 1000).toISOString();
  return {
    id: `post-${made}`,
    text: `Post number ${made}`,
    source: "simulate",
    source_id: null,
    author: null,
    created_at: at,
    received_at: at,
    url: null,
    lang: "en",
    topics: [],
    sentiment: { label: "positive", positive: 0.7, neutral: 0.2, negative: 0.1 },
    emotion: null,
    model: "vader",
    corrected: false,
    ...change,
  };
}

const NO_EMOTIONS = { anger: 0, disgust: 0, fear: 0, joy: 0, neutral: 0, sadness: 0, surprise: 0 };

export function summary(change: Partial<Summary> = {}): Summary {
  return {
    topic: "*",
    source: null,
    window: "1h",
    since: new Date(AT - 3_600_000).toISOString(),
    until: new Date(AT).toISOString(),
    posts: 120,
    unscored: 20,
    sentiment: { positive: 50, neutral: 30, negative: 20 },
    score: 0.21,
    emotions: NO_EMOTIONS,
    previous: {
      posts: 100,
      unscored: 0,
      sentiment: { positive: 40, neutral: 30, negative: 30 },
      score: 0.1,
      emotions: NO_EMOTIONS,
    },
    ...change,
  };
}

export function point(minute: number, change: Partial<TrendPoint> = {}): TrendPoint {
  return {
    at: new Date(Date.parse("2026-03-01T12:00:00Z") + minute * 60_000).toISOString(),
    posts: 0,
    unscored: 0,
    positive: 0,
    neutral: 0,
    negative: 0,
    score: null,
    emotions: NO_EMOTIONS,
    ...change,
  };
}

export function trend(points: TrendPoint[] = [point(-2), point(-1), point(0)]): Trend {
  return { topic: "*", source: null, window: "1h", bucket_seconds: 60, points };
}

export function alert(change: Partial<Alert> = {}): Alert {
  made += 1;
  return {
    id: `alert-${made}`,
    rule_id: "rule",
    rule_name: "Too gloomy",
    topic: "*",
    state: "firing",
    value: 0.62,
    posts: 48,
    threshold: 0.5,
    fired_at: new Date(AT).toISOString(),
    resolved_at: null,
    acknowledged_at: null,
    acknowledged_by: null,
    ...change,
  };
}

export function pipeline(change: Partial<Pipeline> = {}): Pipeline {
  return {
    accepted: 0,
    stored: 0,
    duplicates: 0,
    rejected: 0,
    dead: 0,
    in_flight: 0,
    balanced: true,
    streams: {},
    pipes: [],
    model: null,
    scored_by: [],
    ...change,
  };
}

export function topic(name: string): Topic {
  const at = new Date(AT).toISOString();
  return { name, query: name, created_at: at, updated_at: at };
}

export function ok<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function refused(status: number, detail = ""): Answer<never> {
  return { ok: false, problem: { status, title: `Status ${status}`, detail } };
}

/** An API that answers at once, with whatever a test puts in place of these. */
export function fakeApi(change: Partial<Api> = {}): Api {
  return {
    summary: async () => ok(summary()),
    trend: async () => ok(trend()),
    posts: async () => ok([]),
    topics: async () => ok([]),
    alerts: async () => ok([]),
    pipeline: async () => ok(pipeline()),
    acknowledge: async (id) => ok(alert({ id, acknowledged_at: new Date(AT).toISOString() })),
    signIn: async () => ok(null),
    signOut: async () => ok(null),
    ...change,
  };
}

/** A wire whose other end the test holds. */
export class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  closed = false;
  readonly said: unknown[] = [];

  send(message: string): void {
    this.said.push(JSON.parse(message));
  }

  close(): void {
    this.closed = true;
  }

  opens(): void {
    this.onopen?.call(this.asSocket(), new Event("open"));
  }

  hears(frame: unknown): void {
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.onmessage?.call(this.asSocket(), new MessageEvent("message", { data }));
  }

  breaks(): void {
    this.onclose?.call(this.asSocket(), new Event("close") as CloseEvent);
  }

  private asSocket(): WebSocket {
    return this as unknown as WebSocket;
  }
}
