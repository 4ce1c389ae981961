import type { ReactNode } from "react";

import { useClock } from "../lib/clock";
import { formatAgo, formatFull } from "../lib/format";

interface AgoProps {
  readonly at: string;
  /** "5 min ago", within a sentence, rather than "5 min". */
  readonly spelled?: boolean;
}

/** A moment as "12 s" or "5 min", kept true by the clock; the whole date on hover. */
export function Ago({ at, spelled = false }: AgoProps): ReactNode {
  const moment = Date.parse(at);
  const words = useClock((now) => {
    const ago = formatAgo(now - moment);
    if (!spelled) return ago;
    return ago === "now" ? "just now" : `${ago} ago`;
  });
  return (
    <time dateTime={at} title={formatFull(moment)}>
      {words}
    </time>
  );
}
