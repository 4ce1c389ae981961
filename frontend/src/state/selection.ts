/** What is being looked at: kept in the page's address, so that a view can be bookmarked and sent to someone. */
import type { Scope } from "../api/client";

export const WINDOWS = ["15m", "1h", "24h", "7d"] as const;
export type WindowName = (typeof WINDOWS)[number];

interface WindowShape {
  readonly seconds: number;
  /** The trend's bucket, in the API's words: 15 to 168 points, a number that fits a chart. */
  readonly bucket: string;
  /** How often the numbers may be asked for while posts come: a long window changes slowly. */
  readonly restMs: number;
  /** Reads after "the last" and "the … before". */
  readonly words: string;
}

export const WINDOW: Readonly<Record<WindowName, WindowShape>> = {
  "15m": { seconds: 900, bucket: "1m", restMs: 2_000, words: "15 minutes" },
  "1h": { seconds: 3_600, bucket: "1m", restMs: 2_000, words: "hour" },
  "24h": { seconds: 86_400, bucket: "15m", restMs: 5_000, words: "24 hours" },
  "7d": { seconds: 604_800, bucket: "1h", restMs: 15_000, words: "7 days" },
};

export const EVERYTHING = "*";

export interface Selection {
  /** A topic's name, or `EVERYTHING`. */
  readonly topic: string;
  /** A source's name, or `null` for all. */
  readonly source: string | null;
  readonly window: WindowName;
}

export const DEFAULT_SELECTION: Selection = { topic: EVERYTHING, source: null, window: "1h" };

export function scopeOf({ topic, source, window }: Selection): Scope {
  return { topic, source, window, bucket: WINDOW[window].bucket };
}

/** Read the address's query; what it does not say, or says wrong, is the default. */
export function selectionFrom(search: string): Selection {
  const query = new URLSearchParams(search);
  const window = query.get("window");
  return {
    topic: query.get("topic") || DEFAULT_SELECTION.topic,
    source: query.get("source") || DEFAULT_SELECTION.source,
    window: WINDOWS.find((name) => name === window) ?? DEFAULT_SELECTION.window,
  };
}

/** The address's query for a selection; `""` for the default one. */
export function searchOf({ topic, source, window }: Selection): string {
  const query = new URLSearchParams();
  if (topic !== DEFAULT_SELECTION.topic) query.set("topic", topic);
  if (source !== null) query.set("source", source);
  if (window !== DEFAULT_SELECTION.window) query.set("window", window);
  return query.size > 0 ? `?${query}` : "";
}
