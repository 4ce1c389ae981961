import { memo, type ReactNode, useId } from "react";

import { angleOf, arc, CENTRE, pointAt, spoke } from "../lib/dial";
import { formatChange, formatMark, formatScore } from "../lib/format";
import { MOODS, moodOf } from "../lib/mood";
import { useAppState } from "../state/context";
import { WINDOW } from "../state/selection";
import { Panel } from "./Panel";

const TENTHS = Array.from({ length: 21 }, (_, i) => (i - 10) / 10);
const NUMBERS = [-1, -0.5, 0, 0.5, 1];

/**
 * The mood on a barometer's dial. The dark hand is the window's score; the brass one, as on the real instrument, stays
 * where the reading was the time before, so that the turn of the mood is seen at a glance.
 */
export function GaugePanel(): ReactNode {
  const { value, problem, stale } = useAppState((state) => state.summary);
  const window = useAppState((state) => state.selection.window);
  const score = value?.score ?? null;
  const before = value?.previous.score ?? null;
  return (
    <Panel title="Mood" className="gauge" problem={problem} stale={stale && value !== null}>
      <div className="gauge__dial">
        <svg viewBox="0 0 320 204" aria-hidden="true">
          <Face current={score === null ? null : moodOf(score)} />
          {before !== null && <Hand score={before} kind="set" />}
          {score !== null && <Hand score={score} kind="now" />}
          <circle className="gauge__hub" cx={CENTRE.x} cy={CENTRE.y} r="6" />
        </svg>
      </div>
      <p className="gauge__reading">
        {score !== null && <strong>{formatScore(score)}</strong>}
        <span>{score === null ? "No reading" : moodOf(score)}</span>
      </p>
      <p className="gauge__before">{inWords(score, before, WINDOW[window].words)}</p>
    </Panel>
  );
}

function inWords(score: number | null, before: number | null, words: string): ReactNode {
  if (score === null) return `No scored posts in the last ${words}.`;
  if (before === null) return `Nothing in the ${words} before to compare with.`;
  const change = formatChange(score, before);
  const turn = change === null ? "Steady" : `${score > before ? "Up" : "Down"} ${change}`;
  return (
    <>
      {turn} from <span className="gauge__set">{formatScore(before)}</span> in the {words} before
    </>
  );
}

/** What is printed on the dial. */
const Face = memo(function Face({ current }: { readonly current: string | null }): ReactNode {
  const id = useId();
  return (
    <>
      {MOODS.map(({ name, from }, i) => {
        const to = MOODS[i + 1]?.from ?? 1;
        return (
          <g key={name}>
            <path className={`gauge__band gauge__band--${name.toLowerCase()}`} d={arc(from, to, 116, 0.6)} />
            <path id={`${id}${name}`} className="gauge__path" d={arc(from, to, 128)} />
            <text className={name === current ? "gauge__mood gauge__mood--now" : "gauge__mood"}>
              <textPath href={`#${id}${name}`} startOffset="50%" textAnchor="middle">
                {name.toUpperCase()}
              </textPath>
            </text>
          </g>
        );
      })}
      {TENTHS.map((score) => (
        <path
          key={score}
          className={NUMBERS.includes(score) ? "gauge__tick gauge__tick--long" : "gauge__tick"}
          d={spoke(score, NUMBERS.includes(score) ? 97 : 102, 108)}
        />
      ))}
      {NUMBERS.map((score) => {
        const [x, y] = pointAt(angleOf(score), 84).split(" ");
        return (
          <text
            key={score}
            className="gauge__number"
            x={x}
            y={y}
            textAnchor="middle"
            dominantBaseline="central"
          >
            {formatMark(score)}
          </text>
        );
      })}
    </>
  );
});

function Hand({ score, kind }: { readonly score: number; readonly kind: "now" | "set" }): ReactNode {
  const turn = { transform: `rotate(${angleOf(score).toFixed(2)}deg)` };
  const { x, y } = CENTRE;
  return (
    <g className={`gauge__hand gauge__hand--${kind}`} style={turn}>
      {kind === "now" ? (
        <path d={`M${x - 3.6} ${y}L${x} ${y - 105}L${x + 3.6} ${y}L${x + 1.2} ${y + 22}H${x - 1.2}Z`} />
      ) : (
        <>
          <path d={`M${x} ${y}V${y - 88}`} />
          <circle cx={x} cy={y - 92} r="4" />
        </>
      )}
    </g>
  );
}
