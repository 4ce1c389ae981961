/** The barometer's words for a score. Their bounds are part of the face: every reading in a band has one name. */
export interface Mood {
  readonly name: string;
  /** Where the band begins; it ends where the next one begins. */
  readonly from: number;
}

export const MOODS: readonly Mood[] = [
  { name: "Stormy", from: -1 },
  { name: "Gloomy", from: -0.45 },
  { name: "Changeable", from: -0.15 },
  { name: "Fair", from: 0.15 },
  { name: "Bright", from: 0.45 },
];

export function moodOf(score: number): string {
  return MOODS.findLast(({ from }) => score >= from)?.name ?? "Stormy";
}
