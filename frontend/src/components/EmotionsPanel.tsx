import type { ReactNode } from "react";

import { EMOTIONS, type EmotionLabel } from "../api/types";
import { formatCount, formatPercent } from "../lib/format";
import { useAppState } from "../state/context";
import { Empty, Panel } from "./Panel";

const NAME: Readonly<Record<EmotionLabel, string>> = {
  anger: "Anger",
  disgust: "Disgust",
  fear: "Fear",
  joy: "Joy",
  sadness: "Sadness",
  surprise: "Surprise",
  neutral: "None of these",
};

/** How many posts show each emotion; a model that does not tell emotions is said not to. */
export function EmotionsPanel(): ReactNode {
  const { value, stale } = useAppState((state) => state.summary);
  const counts = value?.emotions;
  const told = counts ? EMOTIONS.reduce((sum, label) => sum + counts[label], 0) : 0;
  const most = counts ? Math.max(...EMOTIONS.map((label) => counts[label])) : 0;
  return (
    <Panel title="Emotions" className="emotions" stale={stale && value !== null}>
      {value && told === 0 && (
        <Empty>
          {value.posts > value.unscored
            ? "This model does not tell emotions."
            : "No scored posts in this window."}
        </Empty>
      )}
      {counts && told > 0 && (
        <ul className="bars">
          {EMOTIONS.map((label) => (
            <li key={label} className={label === "neutral" ? "bars__rest" : undefined}>
              <span>{NAME[label]}</span>
              <span className="bars__track" aria-hidden="true">
                <span style={{ width: `${(100 * counts[label]) / most}%` }} />
              </span>
              <strong title={`${formatCount(counts[label])} posts`}>
                {formatPercent(counts[label] / told)}
              </strong>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
