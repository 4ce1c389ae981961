import type { ReactNode } from "react";

import { formatCount, formatPercent, formatRate } from "../lib/format";
import { useAppState } from "../state/context";
import { WINDOW } from "../state/selection";
import { Panel } from "./Panel";

/** How many posts, how fast, and how many the model could not read. */
export function TotalsPanel(): ReactNode {
  const { value, stale } = useAppState((state) => state.summary);
  const window = useAppState((state) => state.selection.window);
  const { seconds, words } = WINDOW[window];
  return (
    <Panel title={`The last ${words}`} className="totals" stale={stale}>
      <dl className="figures">
        <div>
          <dt>Posts</dt>
          <dd>{value ? formatCount(value.posts) : "–"}</dd>
          <dd className="figures__note">{value ? compare(value.posts, value.previous.posts) : ""}</dd>
        </div>
        <div>
          <dt>A minute</dt>
          <dd>{value ? formatRate(value.posts / (seconds / 60)) : "–"}</dd>
          <dd className="figures__note">on average</dd>
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
