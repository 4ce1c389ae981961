/**
 * Watches the numbers of a connection's frames and says when one was lost. Frames are numbered without holes, but two
 * senders may overtake each other, so a hole is only a gap when it is still there after `GRACE_MS`.
 */
export const GRACE_MS = 1_000;
/** More holes than this are a gap at once; it also bounds what is remembered. */
const MOST_MISSING = 50;

export class Sequence {
  private last = -1;
  private readonly missing = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly onGap: () => void;

  constructor(onGap: () => void) {
    this.onGap = onGap;
  }

  /** A hello: count from here, and forget every hole before it. */
  restart(seq: number): void {
    this.clear();
    this.last = seq;
  }

  /** A numbered frame came. */
  see(seq: number): void {
    this.expect(seq, seq);
  }

  /** Frames up to `seq` were sent, and are here or on their way; `arrived` is one that is here. */
  expect(seq: number, arrived?: number): void {
    if (seq > this.last + MOST_MISSING) {
      this.restart(seq);
      this.onGap();
      return;
    }
    for (let hole = this.last + 1; hole <= seq; hole++) this.missing.add(hole);
    if (arrived !== undefined) this.missing.delete(arrived);
    this.last = Math.max(this.last, seq);
    if (this.missing.size === 0) this.clear();
    else this.timer ??= setTimeout(() => this.giveUp(), GRACE_MS);
  }

  clear(): void {
    this.missing.clear();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private giveUp(): void {
    this.clear();
    this.onGap();
  }
}
