/**
 * The one door to the HTTP API: typed by the generated schema, a timeout on every request, and every failure a
 * `Problem`. Nothing here throws; whoever aborted a request ignores its answer.
 */
import createClient, { type Client } from "openapi-fetch";

import { GARBLED, type Problem, problemOf, TOO_SLOW, UNREACHABLE } from "./problem";
import type { paths } from "./schema";
import type { Alert, Pipeline, Post, Summary, Topic, Trend } from "./types";

export const REQUEST_TIMEOUT_MS = 10_000;

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** What the numbers are asked for: the API's own words for it. */
export interface Scope {
  readonly topic: string;
  /** `null` for all sources. */
  readonly source: string | null;
  readonly window: string;
  readonly bucket: string;
}

export interface Api {
  summary(scope: Scope, signal: AbortSignal): Promise<Answer<Summary>>;
  trend(scope: Scope, signal: AbortSignal): Promise<Answer<Trend>>;
  posts(scope: Scope, limit: number, signal: AbortSignal): Promise<Answer<Post[]>>;
  topics(signal: AbortSignal): Promise<Answer<Topic[]>>;
  alerts(limit: number, signal: AbortSignal): Promise<Answer<Alert[]>>;
  pipeline(signal: AbortSignal): Promise<Answer<Pipeline>>;
  acknowledge(id: string): Promise<Answer<Alert>>;
  signIn(key: string): Promise<Answer<null>>;
  signOut(): Promise<Answer<null>>;
}

interface Fetched<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

export function createApi(
  send: typeof fetch = (...request) => fetch(...request),
  origin = location.origin,
): Api {
  const http: Client<paths> = createClient<paths>({
    baseUrl: origin,
    fetch: withTimeout(send),
    credentials: "same-origin",
  });
  return {
    summary: (scope, signal) =>
      answer(
        http.GET("/api/summary", { params: { query: { ...where(scope), window: scope.window } }, signal }),
      ),
    trend: (scope, signal) =>
      answer(
        http.GET("/api/trend", {
          params: { query: { ...where(scope), window: scope.window, bucket: scope.bucket } },
          signal,
        }),
      ),
    posts: (scope, limit, signal) =>
      answer(
        http.GET("/api/posts", { params: { query: { ...where(scope), limit } }, signal }),
        (page) => page.items,
      ),
    topics: (signal) => answer(http.GET("/api/topics", { signal }), (page) => page.items),
    alerts: (limit, signal) =>
      answer(http.GET("/api/alerts", { params: { query: { limit } }, signal }), (page) => page.items),
    pipeline: (signal) => answer(http.GET("/api/pipeline", { signal })),
    acknowledge: (id) => answer(http.POST("/api/alerts/{id}/acknowledge", { params: { path: { id } } })),
    signIn: (key) => answer(http.POST("/api/session", { body: { key } }), () => null),
    signOut: () => answer(http.DELETE("/api/session"), () => null),
  };
}

function where({ topic, source }: Scope): { topic?: string; source?: string } {
  return { ...(topic === "*" ? {} : { topic }), ...(source === null ? {} : { source }) };
}

function withTimeout(send: typeof fetch): (request: Request) => Promise<Response> {
  return (request) =>
    send(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) });
}

async function answer<T>(request: Promise<Fetched<T>>): Promise<Answer<T>>;
async function answer<T, U>(request: Promise<Fetched<T>>, take: (value: T) => U): Promise<Answer<U>>;
async function answer<T, U>(request: Promise<Fetched<T>>, take?: (value: T) => U): Promise<Answer<T | U>> {
  try {
    const { data, error, response } = await request;
    if (!response.ok) return { ok: false, problem: problemOf(response.status, error) };
    // A 204 has no body; its callers take nothing from it.
    const value = data as T;
    return { ok: true, value: take ? take(value) : value };
  } catch (error) {
    return { ok: false, problem: failure(error) };
  }
}

function failure(error: unknown): Problem {
  if (error instanceof DOMException && error.name === "TimeoutError") return TOO_SLOW;
  // fetch says TypeError when no answer came; anything else is an answer that could not be read.
  return error instanceof TypeError || error instanceof DOMException ? UNREACHABLE : GARBLED;
}
