/** How the state changes: pure, so that every promise of the page can be tested with one call. */
import type { Answer } from "../api/client";
import type { Alert, Post } from "../api/types";
import type { Metrics } from "../live/frames";
import { EMPTY_FEED, hold, receive, release } from "./feed";
import { EVERYTHING, type Selection } from "./selection";
import { type Action, INITIAL, type Loaded, type State } from "./state";
import { mergeTail } from "./trend";

export const MOST_ALERTS = 50;
const MOST_SOURCES = 50;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "signing-in":
      return { ...state, signIn: { busy: true, problem: null } };
    case "signed-in":
      return { ...state, session: "signed-in", signIn: { busy: false, problem: null } };
    case "signed-out":
      // Nothing that was seen with a key stays once it is gone.
      return {
        ...INITIAL,
        selection: state.selection,
        session: "signed-out",
        signIn: { busy: false, problem: action.problem },
      };
    case "selected":
      return select(state, action.selection);
    case "live":
      return { ...state, live: action.live };
    case "summary":
      return { ...heard(state, action.answer), summary: take(state.summary, action.answer) };
    case "trend":
      return { ...heard(state, action.answer), trend: take(state.trend, action.answer) };
    case "topics":
      return { ...heard(state, action.answer), topics: take(state.topics, action.answer) };
    case "alerts":
      return { ...heard(state, action.answer), alerts: sorted(take(state.alerts, action.answer)) };
    case "pipeline":
      return { ...heard(state, action.answer), pipeline: take(state.pipeline, action.answer) };
    case "posts":
      return takePosts(state, action.answer);
    case "posts-frame": {
      const next = addPosts(state, action.frame.posts);
      return action.frame.omitted > 0 ? { ...next, feed: { ...next.feed, sampledAt: action.at } } : next;
    }
    case "metrics-frame":
      return isAnswer(action.frame, state.selection) ? takeMetrics(state, action.frame) : state;
    case "alert-frame":
      return putAlert(state, action.frame.alert);
    case "acknowledging":
      return { ...state, acknowledging: { ...state.acknowledging, [action.id]: true } };
    case "acknowledged":
      return acknowledge(state, action.id, action.answer);
    case "held":
      return { ...state, feed: hold(state.feed, action.change) };
    case "released":
      return { ...state, feed: release(hold(state.feed, { paused: false })) };
  }
}

/** Whether a metrics frame is the answer to what is being looked at: it knows of topics and windows, not of sources. */
export function isAnswer(frame: Metrics, { topic, source, window }: Selection): boolean {
  return source === null && frame.topic === topic && frame.summary.window === window;
}

function select(state: State, selection: Selection): State {
  const { topic, source } = state.selection;
  const samePosts = topic === selection.topic && source === selection.source;
  return {
    ...state,
    selection,
    summary: { ...state.summary, stale: true },
    trend: { ...state.trend, stale: true },
    ...(samePosts
      ? {}
      : {
          feed: { ...EMPTY_FEED, paused: state.feed.paused, reading: state.feed.reading },
          feedLoaded: INITIAL.feedLoaded,
        }),
  };
}

function heard(state: State, answer: Answer<unknown>): State {
  // An error answer is an answer too, unless it came from something in front of Barometer.
  const reachable = answer.ok || ![0, 502, 503, 504].includes(answer.problem.status);
  return reachable === state.reachable ? state : { ...state, reachable };
}

function take<T>(loaded: Loaded<T>, answer: Answer<T>): Loaded<T> {
  if (answer.ok) return { value: answer.value, problem: null, stale: false };
  return { ...loaded, problem: answer.problem };
}

function takePosts(state: State, answer: Answer<readonly Post[]>): State {
  const next = heard(state, answer);
  if (!answer.ok) return { ...next, feedLoaded: { ...state.feedLoaded, problem: answer.problem } };
  const feedLoaded = { value: true, problem: null, stale: false } as const;
  // The first page of a view is shown even while the feed is held: there is nothing yet to hold still.
  if (state.feedLoaded.value === null) {
    const feed = receive({ ...state.feed, paused: false, reading: false }, answer.value);
    const { paused, reading } = state.feed;
    return { ...addSources(next, answer.value), feed: { ...feed, paused, reading }, feedLoaded };
  }
  return { ...addPosts(next, answer.value), feedLoaded };
}

function addPosts(state: State, posts: readonly Post[]): State {
  const { topic, source } = state.selection;
  // A frame sent just before a change of view may still bring posts of the view before.
  const fitting = posts.filter(
    (post) =>
      (topic === EVERYTHING || post.topics.includes(topic)) && (source === null || post.source === source),
  );
  return { ...addSources(state, posts), feed: receive(state.feed, fitting) };
}

function addSources(state: State, posts: readonly Post[]): State {
  const known = new Set(state.sources);
  for (const post of posts) if (known.size < MOST_SOURCES) known.add(post.source);
  return known.size === state.sources.length ? state : { ...state, sources: [...known].sort() };
}

function takeMetrics(state: State, frame: Metrics): State {
  const { value } = state.trend;
  return {
    ...state,
    summary: { value: frame.summary, problem: null, stale: false },
    trend:
      value === null || state.trend.stale ? state.trend : { ...state.trend, value: mergeTail(value, frame) },
  };
}

function putAlert(state: State, alert: Alert): State {
  const others = (state.alerts.value ?? []).filter(({ id }) => id !== alert.id);
  return { ...state, alerts: sorted({ value: [alert, ...others], problem: null, stale: false }) };
}

function sorted(alerts: State["alerts"]): State["alerts"] {
  return { ...alerts, value: alerts.value && [...alerts.value].sort(firingFirst).slice(0, MOST_ALERTS) };
}

function acknowledge(state: State, id: string, answer: Answer<Alert>): State {
  const { [id]: _done, ...acknowledging } = state.acknowledging;
  if (answer.ok) return { ...putAlert(state, answer.value), acknowledging };
  return { ...state, acknowledging, alerts: { ...state.alerts, problem: answer.problem } };
}

function firingFirst(a: Alert, b: Alert): number {
  return (
    Number(b.state === "firing") - Number(a.state === "firing") ||
    Date.parse(b.fired_at) - Date.parse(a.fired_at)
  );
}
