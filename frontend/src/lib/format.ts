/** Numbers and times as people read them: the browser's own language and time zone, a true minus sign, no false digits. */
import type { WindowName } from "../state/selection";

const MINUS = "−";
const NO_VALUE = "–";

const whole = new Intl.NumberFormat();
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent" });
const hundredths = { minimumFractionDigits: 2, maximumFractionDigits: 2 } as const;
const unsigned = new Intl.NumberFormat(undefined, hundredths);
const signed = new Intl.NumberFormat(undefined, { ...hundredths, signDisplay: "exceptZero" });
const brief = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function formatCount(count: number): string {
  return Math.abs(count) < 1_000_000 ? whole.format(count) : brief.format(count);
}

/** A rate, with a decimal only where it tells something. */
export function formatRate(perMinute: number): string {
  if (perMinute === 0) return "0";
  if (perMinute < 0.1) return `< ${tenths.format(0.1)}`;
  return perMinute < 10 ? tenths.format(perMinute) : formatCount(Math.round(perMinute));
}

/** A score from −1 to 1 with its sign, such as "+0.24"; never "−0.00". */
export function formatScore(score: number | null): string {
  if (score === null) return NO_VALUE;
  return signed.format(score).replace("-", MINUS);
}

/** How far one score is from another as both are shown, such as "0.11"; `null` where they are shown alike. */
export function formatChange(score: number, before: number): string | null {
  const change = Math.abs(Math.round(score * 100) - Math.round(before * 100));
  return change === 0 ? null : unsigned.format(change / 100);
}

/** A mark of the scale, with no more digits than it needs: "−0.5", "0", "+1". */
export function formatMark(mark: number): string {
  return mark === 0 ? "0" : (mark < 0 ? MINUS : "+") + tenths.format(Math.abs(mark));
}

export function formatPercent(share: number): string {
  if (share > 0 && share < 0.01) return `< ${percent.format(0.01)}`;
  if (share > 0.99 && share < 1) return `> ${percent.format(0.99)}`;
  return percent.format(share);
}

/** How long ago, briefly: "now", "12 s", "5 min", "3 h", "2 d". A clock that is ahead of ours reads "now". */
export function formatAgo(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** A moment on the trend: the day is told where the window spans more than one. */
export function formatMoment(ms: number, window: WindowName): string {
  return (window === "7d" || window === "24h" ? dayAndClock : clock).format(ms);
}

export function formatFull(ms: number): string {
  return full.format(ms);
}
