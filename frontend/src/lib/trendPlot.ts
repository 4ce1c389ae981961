/**
 * The trend on a canvas: the score above, the posts stacked by sentiment below, on one axis of time.
 *
 * Promises one redraw a frame at most, however often it is told something; colours from the page's style sheet; and that
 * nothing of it is left after `destroy`.
 */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Trend } from "../api/types";
import { formatCount, formatScore } from "./format";
import { onTheme } from "./theme";
import { columnsOf, lonely, reachOf, roofOf, spanAt } from "./trendData";

/** Of the plot's height: the score has the top part, the posts the bottom part, a gap between them. */
const SCORE_PART = 0.4;
const POSTS_PART = 0.5;
const DAY = 86_400;

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export class TrendPlot {
  private readonly host: HTMLElement;
  private readonly plot: uPlot;
  private readonly sizes: ResizeObserver;
  private readonly forgetTheme: () => void;
  private frame: number | null = null;
  private columns: uPlot.AlignedData = [[], [], [], [], [], []];
  private span: [number, number] = spanAt(Date.now(), 3_600, 60);
  private roof = 1;
  private reach = 1;

  /** `onCursor` hears the index of the point under the cursor, or `null` when the cursor leaves. */
  constructor(host: HTMLElement, onCursor: (index: number | null) => void) {
    this.host = host;
    this.plot = new uPlot(this.options(onCursor), this.columns, host);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(host);
    this.forgetTheme = onTheme(() => this.draw());
  }

  show(trend: Trend, windowSeconds: number): void {
    const columns = columnsOf(trend);
    this.columns = columns;
    this.roof = roofOf(columns[1]);
    this.reach = reachOf(columns[5]);
    this.span = spanAt(Date.now(), windowSeconds, trend.bucket_seconds);
    this.draw();
  }

  /** Put the cursor on a point, or take it away. */
  moveTo(index: number | null): void {
    const x = index === null ? undefined : this.columns[0][index];
    this.plot.setCursor({ left: x === undefined ? -10 : this.plot.valToPos(x, "x"), top: 0 });
  }

  destroy(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.forgetTheme();
    this.plot.destroy();
  }

  private draw(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const { clientWidth: width, clientHeight: height } = this.host;
      if (width > 0 && height > 0 && (width !== this.plot.width || height !== this.plot.height)) {
        this.plot.setSize({ width, height });
      }
      this.plot.setData(this.columns);
    });
  }

  private colour(name: string): string {
    return getComputedStyle(this.host).getPropertyValue(`--${name}`).trim();
  }

  private options(onCursor: (index: number | null) => void): uPlot.Options {
    const font = "11px system-ui, sans-serif";
    const ink = (): string => this.colour("muted");
    const rule = { stroke: () => this.colour("hairline"), width: 1 };
    const axis = { stroke: ink, font, ticks: { show: false }, gap: 6 };
    return {
      width: this.host.clientWidth || 600,
      height: this.host.clientHeight || 260,
      padding: [8, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => this.span },
        posts: { range: () => [0, this.roof / POSTS_PART] },
        score: { range: () => [this.reach - (2 * this.reach) / SCORE_PART, this.reach] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          space: 76,
          size: 28,
          values: (_plot, times, _axis, _space, step) => times.map((time) => tick(time, step)),
        },
        {
          ...axis,
          scale: "posts",
          grid: rule,
          size: 44,
          // Posts are whole: an odd few have no half.
          splits: () =>
            this.roof < 10 && this.roof % 2 === 1 ? [0, this.roof] : [0, this.roof / 2, this.roof],
          values: (_, counts) => counts.map(formatCount),
        },
        {
          ...axis,
          scale: "score",
          side: 1,
          grid: rule,
          size: 48,
          splits: () => [-this.reach, 0, this.reach],
          values: (_, scores) => scores.map((score) => (score === 0 ? "0" : formatScore(score))),
        },
      ],
      series: [
        {},
        this.bars("unscored"),
        this.bars("positive"),
        this.bars("neutral"),
        this.bars("negative"),
        {
          scale: "score",
          stroke: () => this.colour("ink"),
          width: 2,
          fill: (plot) => this.tint(plot),
          fillTo: 0,
          spanGaps: false,
          points: {
            show: true,
            size: 5,
            fill: () => this.colour("ink"),
            filter: (plot, series) => lonely([...(plot.data[series] ?? [])]),
          },
        },
      ],
      hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
    };
  }

  private bars(name: string): uPlot.Series {
    const bars = uPlot.paths.bars;
    return {
      scale: "posts",
      fill: () => this.colour(name),
      width: 0,
      points: { show: false },
      ...(bars ? { paths: bars({ size: [0.78, 28], align: 0 }) } : {}),
    };
  }

  /** Tinted by its side of zero. */
  private tint(plot: uPlot): CanvasGradient {
    const top = plot.valToPos(this.reach, "score", true);
    const bottom = plot.valToPos(-this.reach, "score", true);
    const tint = plot.ctx.createLinearGradient(0, top, 0, bottom);
    tint.addColorStop(0, this.colour("positive-tint"));
    tint.addColorStop(0.5, this.colour("positive-tint"));
    tint.addColorStop(0.5, this.colour("negative-tint"));
    tint.addColorStop(1, this.colour("negative-tint"));
    return tint;
  }
}

/** A tick of the time axis: the day where the ticks are days or it begins, else the time. */
function tick(seconds: number, step: number): string {
  const time = new Date(seconds * 1000);
  const midnight = time.getHours() === 0 && time.getMinutes() === 0;
  return (step >= DAY || midnight ? day : hour).format(time);
}
