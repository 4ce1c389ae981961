/** The API's own types under the names that the dashboard uses; `schema.ts` is generated from docs/openapi.json. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Post = Schemas["Post"];
export type Summary = Schemas["Summary"];
export type Trend = Schemas["Trend"];
export type TrendPoint = Schemas["TrendPoint"];
export type Topic = Schemas["Topic"];
export type Alert = Schemas["Alert"];
export type Pipeline = Schemas["Pipeline"];

export const SENTIMENTS = ["positive", "neutral", "negative"] as const;
export type SentimentLabel = (typeof SENTIMENTS)[number];

export const EMOTIONS = ["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"] as const;
export type EmotionLabel = (typeof EMOTIONS)[number];
