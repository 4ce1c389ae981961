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

/** The mood of a score as it is shown, to two digits: a reading of −0.15 has one name, whatever its further digits. */
export function moodOf(score: number): string {
  const shown = Math.round(score * 100) / 100;
  return MOODS.findLast(({ from }) => shown >= from)?.name ?? "Stormy";
}
