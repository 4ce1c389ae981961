/**
 * What went wrong, in words. Every way a request can fail ends as one `Problem`: the server's own
 * `application/problem+json` (RFC 9457), an answer that is not one, a timeout, or no answer at all.
 */
export interface Problem {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** One short sentence. */
  readonly title: string;
  /** What a person can do about it, or more of what the server said; may be empty. */
  readonly detail: string;
}

export const UNREACHABLE: Problem = {
  status: 0,
  title: "Barometer cannot be reached",
  detail: "Is it running? The dashboard keeps trying.",
};

export const TOO_SLOW: Problem = {
  status: 0,
  title: "Barometer took too long to answer",
  detail: "The dashboard keeps trying.",
};

export const GARBLED: Problem = {
  status: 0,
  title: "The answer was not Barometer's",
  detail: "Something between this browser and Barometer answered in its place.",
};

const WORDS: Readonly<Record<number, string>> = {
  401: "Sign in first",
  403: "This key may not do that",
  404: "That does not exist",
  429: "Too many requests",
  500: "Barometer made a mistake",
  502: "Barometer is starting or down",
  503: "Not available just now",
  504: "Barometer took too long to answer",
};

/** Read an error answer's body, whatever it is, as a `Problem`. */
export function problemOf(status: number, body: unknown): Problem {
  const problem = isRecord(body) ? body : {};
  const title = WORDS[status] ?? (text(problem["title"]) || `Barometer answered ${status}`);
  const faults = Array.isArray(problem["errors"]) ? problem["errors"].map(faultOf).filter(Boolean) : [];
  return {
    status,
    title,
    detail: text(problem["detail"]) ? sentence(text(problem["detail"])) : faults.join(" "),
  };
}

/** The field at fault and why, as a sentence. */
function faultOf(value: unknown): string {
  if (!isRecord(value)) return "";
  return sentence([text(value["field"]), text(value["reason"])].filter(Boolean).join(" "));
}

function sentence(words: string): string {
  if (words === "") return "";
  const start = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
