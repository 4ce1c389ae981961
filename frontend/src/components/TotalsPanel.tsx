import type { ReactNode } from "react";

import { useClock } from "../lib/clock";
import { formatCount, formatPercent, formatRate } from "../lib/format";
import { latestRate } from "../lib/trendData";
import { useAppState } from "../state/context";
import { WINDOW } from "../state/selection";
import { Panel } from "./Panel";

/** How many posts, how fast (now, and over the window), and how many the model could not read. */
export function TotalsPanel(): ReactNode {
  const { value, stale } = useAppState((state) => state.summary);
  const window = useAppState((state) => state.selection.window);
  const trend = useAppState((state) => state.trend.value);
  const rate = useClock((now) => (trend === null ? null : latestRate(trend, now)));
  const { seconds, words } = WINDOW[window];
  return (
    <Panel title={`The last ${words}`} className="totals" stale={stale && value !== null}>
      <dl className="figures">
        <div>
          <dt>Posts</dt>
          <dd>{value ? formatCount(value.posts) : "–"}</dd>
          <dd className="figures__note">{value ? compare(value.posts, value.previous.posts) : ""}</dd>
        </div>
        <div>
          <dt>A minute</dt>
          <dd>{rate === null ? "–" : formatRate(rate)}</dd>
          <dd className="figures__note">
            {value ? `${formatRate(value.posts / (seconds / 60))} on average` : ""}
          </dd>
        </div>
        <div>
          <dt>Unscored</dt>
          <dd>{value ? formatCount(value.unscored) : "–"}</dd>
          <dd className="figures__note">
            {value && value.posts > 0 ? unscoredInWords(value.unscored, value.posts) : ""}
          </dd>
        </div>
      </dl>
    </Panel>
  );
}

/** The count against that of the window before. */
function compare(now: number, before: number): string {
  if (before === 0) return now === 0 ? "" : "none before";
  if (now === before) return "as many before";
  const share = formatPercent(Math.abs(now - before) / before);
  return now > before ? `${share} more` : `${share} fewer`;
}

function unscoredInWords(unscored: number, posts: number): string {
  return unscored === 0 ? "every post was read" : `${formatPercent(unscored / posts)} of posts`;
}
