import type { ReactNode } from "react";

import type { SentimentLabel } from "../api/types";

/** A shape for each sentiment, so that colour is never the only sign: up, level, down. */
const SHAPES: Readonly<Record<SentimentLabel, string>> = {
  positive: "M6 1.5 11 10.5H1Z",
  neutral: "M1 4.25H11V7.750H1Z",
  negative: "M6 10.5 1 1.5H11Z",
};

export const SENTIMENT_NAME: Readonly<Record<SentimentLabel, string>> = {
  positive: "Positive",
  neutral: "Neutral",
  negative: "Negative",
};

export function SentimentMark({ label }: { readonly label: SentimentLabel | null }): ReactNode {
  return (
    <svg className={`mark mark--${label ?? "unscored"}`} viewBox="0 0 12 12" aria-hidden="true">
      {label === null ? <circle cx="6" cy="6" r="4" /> : <path d={SHAPES[label]} />}
    </svg>
  );
}
