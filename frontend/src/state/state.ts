/** Everything the page knows, as one value that only `reduce` makes anew. */
import type { Answer } from "../api/client";
import type { Problem } from "../api/problem";
import type { Alert, Pipeline, Post, Summary, Topic, Trend } from "../api/types";
import type { AlertChange, Metrics, Posts } from "../live/frames";
import { EMPTY_FEED, type Feed } from "./feed";
import { DEFAULT_SELECTION, type Selection } from "./selection";

/** Something asked of the API: the last good answer, and what went wrong since, if anything. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly problem: Problem | null;
  /** The value answers an earlier question (another topic, another window), and the new answer is awaited. */
  readonly stale: boolean;
}

/** `checking`: not known yet whether the browser has a session. */
export type Session = "checking" | "signed-out" | "signed-in";

export interface State {
  readonly session: Session;
  readonly signIn: { readonly busy: boolean; readonly problem: Problem | null };
  readonly selection: Selection;
  /** The socket is open, was greeted and was heard of lately. */
  readonly live: boolean;
  /** Whether the last request over HTTP was answered; `null` before the first. */
  readonly reachable: boolean | null;
  readonly summary: Loaded<Summary>;
  readonly trend: Loaded<Trend>;
  readonly topics: Loaded<readonly Topic[]>;
  readonly alerts: Loaded<readonly Alert[]>;
  readonly pipeline: Loaded<Pipeline>;
  readonly acknowledging: Readonly<Record<string, true>>;
  readonly feed: Feed;
  readonly feedLoaded: Loaded<true>;
  /** Sources that posts were seen to come from. */
  readonly sources: readonly string[];
}

const NOTHING = { value: null, problem: null, stale: true } as const;

export const INITIAL: State = {
  session: "checking",
  signIn: { busy: false, problem: null },
  selection: DEFAULT_SELECTION,
  live: false,
  reachable: null,
  summary: NOTHING,
  trend: NOTHING,
  topics: NOTHING,
  alerts: NOTHING,
  pipeline: NOTHING,
  acknowledging: {},
  feed: EMPTY_FEED,
  feedLoaded: NOTHING,
  sources: [],
};

export type Action =
  | { readonly type: "signing-in" }
  | { readonly type: "signed-in" }
  | { readonly type: "signed-out"; readonly problem: Problem | null }
  | { readonly type: "selected"; readonly selection: Selection }
  | { readonly type: "live"; readonly live: boolean }
  | { readonly type: "summary"; readonly answer: Answer<Summary> }
  | { readonly type: "trend"; readonly answer: Answer<Trend> }
  | { readonly type: "topics"; readonly answer: Answer<readonly Topic[]> }
  | { readonly type: "alerts"; readonly answer: Answer<readonly Alert[]> }
  | { readonly type: "pipeline"; readonly answer: Answer<Pipeline> }
  | { readonly type: "posts"; readonly answer: Answer<readonly Post[]> }
  | { readonly type: "posts-frame"; readonly frame: Posts; readonly at: number }
  | { readonly type: "metrics-frame"; readonly frame: Metrics }
  | { readonly type: "alert-frame"; readonly frame: AlertChange }
  | { readonly type: "acknowledging"; readonly id: string }
  | { readonly type: "acknowledged"; readonly id: string; readonly answer: Answer<Alert> }
  | { readonly type: "held"; readonly change: Partial<Pick<Feed, "paused" | "reading">> }
  | { readonly type: "released" };

/** What went wrong with everything alike, such as no connection: said once for the page, not once a panel. */
export function commonProblem({ summary, trend, feedLoaded }: State): Problem | null {
  const { problem } = summary;
  if (problem === null) return null;
  return isSame(problem, trend.problem) && isSame(problem, feedLoaded.problem) ? problem : null;
}

export function isSame(problem: Problem, other: Problem | null): boolean {
  return problem.title === other?.title && problem.detail === other.detail;
}

/** What the badge says, and no more than is so. */
export type LinkMode = "connecting" | "live" | "polling" | "offline";

export function linkMode({ live, reachable }: Pick<State, "live" | "reachable">): LinkMode {
  if (live) return "live";
  if (reachable === null) return "connecting";
  return reachable ? "polling" : "offline";
}
