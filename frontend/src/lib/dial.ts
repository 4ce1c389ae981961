/** The geometry of the dial: scores to angles, angles to points. Degrees run clockwise from straight up. */
export const CENTRE = { x: 160, y: 154 } as const;
/** The hand's angle at −1 and, on the other side, at +1. */
const SWEEP = 110;

export function angleOf(score: number): number {
  return Math.max(-1, Math.min(1, score)) * SWEEP;
}

export function pointAt(angle: number, radius: number): string {
  const radians = (angle * Math.PI) / 180;
  const x = CENTRE.x + radius * Math.sin(radians);
  const y = CENTRE.y - radius * Math.cos(radians);
  return `${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** An SVG path along the dial from one score to another, `trim` degrees short at either end. */
export function arc(from: number, to: number, radius: number, trim = 0): string {
  const start = angleOf(from) + trim;
  const end = angleOf(to) - trim;
  const large = end - start > 180 ? 1 : 0;
  return `M${pointAt(start, radius)}A${radius} ${radius} 0 ${large} 1 ${pointAt(end, radius)}`;
}

/** An SVG path along the radius at a score. */
export function spoke(score: number, inner: number, outer: number): string {
  const angle = angleOf(score);
  return `M${pointAt(angle, inner)}L${pointAt(angle, outer)}`;
}
