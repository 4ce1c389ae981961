import { expect, test, vi } from "vitest";

import { alert, post } from "../test/make";
import { createApi, REQUEST_TIMEOUT_MS } from "./client";
import { GARBLED, TOO_SLOW, UNREACHABLE } from "./problem";

const SCOPE = { topic: "coffee", source: "bluesky", window: "24h", bucket: "15m" };
const signal = new AbortController().signal;

function answering(status: number, body: unknown): typeof fetch {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return vi.fn(
    async () =>
      new Response(status === 204 ? null : text, { status, headers: { "content-type": "application/json" } }),
  );
}

function api(send: typeof fetch): ReturnType<typeof createApi> {
  return createApi(send, "http://barometer.test");
}

function requestOf(send: typeof fetch): Request {
  return vi.mocked(send).mock.calls[0]?.[0] as Request;
}

test("a view is asked for in the API's words", async () => {
  const send = answering(200, { points: [] });
  await api(send).trend(SCOPE, signal);
  expect(requestOf(send).url).toBe(
    "http://barometer.test/api/trend?topic=coffee&source=bluesky&window=24h&bucket=15m",
  );
});

test("everything is asked for by saying nothing", async () => {
  const send = answering(200, { items: [post({ id: "a" })] });
  const answer = await api(send).posts({ ...SCOPE, topic: "*", source: null }, 50, signal);
  expect(requestOf(send).url).toBe("http://barometer.test/api/posts?limit=50");
  expect(answer).toMatchObject({ ok: true, value: [{ id: "a" }] });
});

test("an alert is acknowledged at its own address", async () => {
  const send = answering(200, alert({ id: "x/1" }));
  await api(send).acknowledge("x/1");
  expect(requestOf(send).method).toBe("POST");
  expect(requestOf(send).url).toBe("http://barometer.test/api/alerts/x%2F1/acknowledge");
});

test("signing in sends the key in the body, never in the address", async () => {
  const send = answering(201, { key_id: "a" });
  expect(await api(send).signIn("bar_a_b")).toEqual({ ok: true, value: null });
  expect(await requestOf(send).json()).toEqual({ key: "bar_a_b" });
  expect(requestOf(send).url).not.toContain("bar_a_b");
});

test("signing out has no answer to read", async () => {
  expect(await api(answering(204, "")).signOut()).toEqual({ ok: true, value: null });
});

test("a refusal is a problem in words", async () => {
  const answer = await api(
    answering(422, { title: "Unprocessable Entity", detail: "topic is unknown" }),
  ).summary(SCOPE, signal);
  expect(answer).toMatchObject({ ok: false, problem: { status: 422, detail: "Topic is unknown." } });
});

test("no answer, a page that is not ours, and a wait too long are told apart", async () => {
  const broken = api(async () => Promise.reject(new TypeError("fetch failed")));
  expect(await broken.topics(signal)).toEqual({ ok: false, problem: UNREACHABLE });
  expect(await api(answering(200, "<html>")).topics(signal)).toEqual({ ok: false, problem: GARBLED });
  const slow = api(async () => Promise.reject(new DOMException("too long", "TimeoutError")));
  expect(await slow.topics(signal)).toEqual({ ok: false, problem: TOO_SLOW });
});

test("every request has a timeout, and can be called off", async () => {
  const timeout = vi.spyOn(AbortSignal, "timeout");
  const send = vi.fn<typeof fetch>(async () => Response.json({ items: [] }));
  const caller = new AbortController();
  await api(send).topics(caller.signal);
  expect(timeout).toHaveBeenCalledWith(REQUEST_TIMEOUT_MS);
  const heard = send.mock.calls[0]?.[1]?.signal;
  expect(heard?.aborted).toBe(false);
  caller.abort();
  expect(heard?.aborted).toBe(true);
});
