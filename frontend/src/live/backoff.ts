/** Exponential backoff with full jitter: after an outage, browsers come back spread out, not all at once. */
const FIRST_MS = 1_000;
const MOST_MS = 30_000;
const LEAST_MS = 250;

/** How long to wait before try number `attempt` (0 for the first), with `random` in [0, 1). */
export function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return LEAST_MS + random * (ceiling - LEAST_MS);
}
