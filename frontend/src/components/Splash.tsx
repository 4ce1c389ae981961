import type { ReactNode } from "react";

import { useAppState } from "../state/context";
import { ProblemNote } from "./Panel";
import { Wordmark } from "./Wordmark";

/** For the moment before it is known whether the browser has a session; longer only if nobody answers. */
export function Splash(): ReactNode {
  const problem = useAppState((state) => state.summary.problem);
  return (
    <main className="door">
      <Wordmark />
      {problem ? <ProblemNote problem={problem} /> : <p className="door__wait">Reading the glass…</p>}
    </main>
  );
}
