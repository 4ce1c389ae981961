import { type KeyboardEvent, memo, type ReactNode, useEffect, useRef, useState } from "react";

import type { Trend, TrendPoint } from "../api/types";
import { SENTIMENTS } from "../api/types";
import { useClock } from "../lib/clock";
import { formatCount, formatMoment, formatScore } from "../lib/format";
import { TrendPlot } from "../lib/trendPlot";
import { useAppState } from "../state/context";
import { WINDOW, type WindowName } from "../state/selection";
import { Empty, Panel } from "./Panel";
import { SENTIMENT_NAME, SentimentMark } from "./SentimentMark";

/** How posts and score went over the window: a chart to look at, point by point by mouse or arrow keys, and a table. */
export function TrendPanel(): ReactNode {
  const { value, problem, stale } = useAppState((state) => state.trend);
  const window = useAppState((state) => state.selection.window);
  const [cursor, setCursor] = useState<number | null>(null);
  const empty = value?.points.every(({ posts }) => posts === 0) ?? false;
  const point = value?.points[cursor ?? value.points.length - 1];
  return (
    <Panel title="Trend" className="trend" problem={problem} stale={stale && value !== null}>
      <Readout point={point} window={window} />
      {!(problem && value === null) && (
        <div className="trend__stage">
          {value && <Chart trend={value} window={window} cursor={cursor} onCursor={setCursor} />}
          {value === null && <Empty>Loading…</Empty>}
          {empty && <Empty>No posts in the last {WINDOW[window].words}.</Empty>}
        </div>
      )}
      {value && <AsTable trend={value} window={window} />}
    </Panel>
  );
}

/** The legend, with the numbers of the point under the cursor, or of the newest. */
function Readout({
  point,
  window,
}: {
  readonly point: TrendPoint | undefined;
  readonly window: WindowName;
}): ReactNode {
  return (
    <ul className="readout">
      <li className="readout__time">{point ? formatMoment(Date.parse(point.at), window) : "–"}</li>
      {SENTIMENTS.map((label) => (
        <li key={label}>
          <SentimentMark label={label} /> {SENTIMENT_NAME[label]}{" "}
          <b>{point ? formatCount(point[label]) : "–"}</b>
        </li>
      ))}
      {point !== undefined && point.unscored > 0 && (
        <li>
          <SentimentMark label={null} /> Unscored <b>{formatCount(point.unscored)}</b>
        </li>
      )}
      <li>
        <svg className="mark mark--score" viewBox="0 0 12 12" aria-hidden="true">
          <path d="M0 8 4 4 8 7 12 2" />
        </svg>{" "}
        Score <b>{formatScore(point?.score ?? null)}</b>
      </li>
    </ul>
  );
}

interface ChartProps {
  readonly trend: Trend;
  readonly window: WindowName;
  readonly cursor: number | null;
  readonly onCursor: (index: number | null) => void;
}

/** The canvas and its keyboard: for those who hear the page, a slider over the points. */
function Chart({ trend, window, cursor, onCursor }: ChartProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<TrendPlot | null>(null);
  const bucket = useClock((now) => Math.floor(now / 1000 / trend.bucket_seconds));

  useEffect(() => {
    if (host.current === null) return;
    const made = new TrendPlot(host.current, onCursor);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [onCursor]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new bucket slides the span, though the data be the same
  useEffect(() => plot.current?.show(trend, WINDOW[window].seconds), [trend, window, bucket]);

  const last = trend.points.length - 1;
  const at = Math.min(cursor ?? last, last);
  const point = trend.points[at];

  function onKeyDown(event: KeyboardEvent): void {
    const target = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: last,
      PageUp: at - 10,
      PageDown: at + 10,
    }[event.key];
    if (event.key === "Escape") plot.current?.moveTo(null);
    if (target === undefined) return;
    event.preventDefault();
    plot.current?.moveTo(Math.max(0, Math.min(last, target)));
  }

  return (
    <div
      ref={host}
      className="trend__plot"
      role="slider"
      tabIndex={0}
      aria-label="Trend, point by point"
      aria-valuemin={0}
      aria-valuemax={Math.max(last, 0)}
      aria-valuenow={Math.max(at, 0)}
      aria-valuetext={point ? pointInWords(point, window) : "nothing yet"}
      onKeyDown={onKeyDown}
      onBlur={() => plot.current?.moveTo(null)}
    />
  );
}

function pointInWords(point: TrendPoint, window: WindowName): string {
  const { at, posts, positive, neutral, negative, score } = point;
  const moment = formatMoment(Date.parse(at), window);
  return `${moment}: ${posts} posts, ${positive} positive, ${neutral} neutral, ${negative} negative, score ${formatScore(score)}`;
}

interface AsTableProps {
  readonly trend: Trend;
  readonly window: WindowName;
}

/** The same numbers as a table, made only while it is open. */
const AsTable = memo(function AsTable({ trend, window }: AsTableProps): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className="trend__table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
        <section className="trend__scroll" tabIndex={0} aria-label="Trend as a table">
          <table>
            <thead>
              <tr>
                {["From", "Posts", "Positive", "Neutral", "Negative", "Unscored", "Score"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {trend.points.toReversed().map((point) => (
                <tr key={point.at}>
                  <th scope="row">{formatMoment(Date.parse(point.at), window)}</th>
                  <td>{formatCount(point.posts)}</td>
                  {SENTIMENTS.map((label) => (
                    <td key={label}>{formatCount(point[label])}</td>
                  ))}
                  <td>{formatCount(point.unscored)}</td>
                  <td>{formatScore(point.score)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
});
