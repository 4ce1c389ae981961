import type { ReactNode } from "react";

import { SENTIMENTS } from "../api/types";
import { formatCount, formatPercent } from "../lib/format";
import { useAppState } from "../state/context";
import { Empty, Panel } from "./Panel";
import { SENTIMENT_NAME, SentimentMark } from "./SentimentMark";

/** How the scored posts divide: a bar for the eye, and the numbers. */
export function SharePanel(): ReactNode {
  const { value, stale } = useAppState((state) => state.summary);
  const counts = value?.sentiment ?? { positive: 0, neutral: 0, negative: 0 };
  const scored = counts.positive + counts.neutral + counts.negative;
  return (
    <Panel title="Sentiment" className="share" stale={stale && value !== null}>
      <div className="share__bar" aria-hidden="true">
        {SENTIMENTS.filter((label) => counts[label] > 0).map((label) => (
          <span
            key={label}
            className={`share__part share__part--${label}`}
            style={{ flexGrow: counts[label] }}
          />
        ))}
      </div>
      {value && scored === 0 ? (
        <Empty>No scored posts in this window.</Empty>
      ) : (
        <ul className="share__list">
          {SENTIMENTS.map((label) => (
            <li key={label}>
              <SentimentMark label={label} />
              <span className="share__name">{SENTIMENT_NAME[label]}</span>
              <strong>{scored > 0 ? formatPercent(counts[label] / scored) : "–"}</strong>
              <span className="share__count">
                {value ? formatCount(counts[label]) : "–"}
                <span className="unseen"> posts</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
