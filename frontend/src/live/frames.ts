/**
 * What the socket says, checked before anything believes it. A message that is not one of these frames is dropped (and
 * still counts as a sign of life): the server may be newer than this page.
 */
import { type Problem, problemOf } from "../api/problem";
import type { Alert, Post, Summary, TrendPoint } from "../api/types";

export interface Hello {
  readonly type: "hello";
  readonly seq: number;
}
export interface Posts {
  readonly type: "posts";
  readonly seq: number;
  readonly posts: readonly Post[];
  /** How many posts were left out of this frame because more came than a socket is sent. */
  readonly omitted: number;
}
export interface Metrics {
  readonly type: "metrics";
  readonly seq: number;
  readonly topic: string;
  readonly summary: Summary;
  readonly bucketSeconds: number;
  readonly trendTail: readonly TrendPoint[];
}
export interface AlertChange {
  readonly type: "alert";
  readonly seq: number;
  readonly alert: Alert;
}
export interface Pong {
  readonly type: "pong";
  /** The number of the last frame that was sent, or should have been. */
  readonly seq: number;
}
export interface Refusal {
  readonly type: "error";
  readonly problem: Problem;
}
export type Frame = Hello | Posts | Metrics | AlertChange | Pong | Refusal;

/** The frame in a message, or `null` for what this page does not know. */
export function parseFrame(message: unknown): Frame | null {
  const frame = typeof message === "string" ? parseJson(message) : null;
  if (frame === null) return null;
  if (frame["type"] === "error") {
    return { type: "error", problem: problemOf(statusOf(frame["problem"]), frame["problem"]) };
  }
  const seq = frame["seq"];
  if (typeof seq !== "number" || !Number.isSafeInteger(seq)) return null;
  switch (frame["type"]) {
    case "hello":
    case "pong":
      return { type: frame["type"], seq };
    case "posts":
      if (!Array.isArray(frame["posts"])) return null;
      return {
        type: "posts",
        seq,
        posts: frame["posts"].filter(isIdentified) as Post[],
        omitted: omittedOf(frame),
      };
    case "metrics":
      if (typeof frame["topic"] !== "string" || !isRecord(frame["summary"])) return null;
      return {
        type: "metrics",
        seq,
        topic: frame["topic"],
        summary: frame["summary"] as unknown as Summary,
        bucketSeconds: typeof frame["bucket_seconds"] === "number" ? frame["bucket_seconds"] : 0,
        trendTail: Array.isArray(frame["trend_tail"]) ? (frame["trend_tail"] as TrendPoint[]) : [],
      };
    case "alert":
      return isIdentified(frame["alert"])
        ? { type: "alert", seq, alert: frame["alert"] as unknown as Alert }
        : null;
    default:
      return null;
  }
}

function omittedOf(frame: Record<string, unknown>): number {
  return typeof frame["omitted"] === "number" ? frame["omitted"] : 0;
}

function statusOf(problem: unknown): number {
  return isRecord(problem) && typeof problem["status"] === "number" ? problem["status"] : 0;
}

function isIdentified(value: unknown): value is Record<string, unknown> & { id: string } {
  return isRecord(value) && typeof value["id"] === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(message: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(message);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
