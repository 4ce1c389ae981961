import { type ReactNode, useId } from "react";

import type { Problem } from "../api/problem";
import { useAppState, useDashboard } from "../state/context";
import { commonProblem, isSame } from "../state/state";

interface PanelProps {
  readonly title: string;
  readonly className: string;
  /** Beside the title: a note, a button. */
  readonly aside?: ReactNode;
  /** What went wrong with what this panel shows. */
  readonly problem?: Problem | null;
  /** What it shows answers an earlier question. */
  readonly stale?: boolean;
  readonly children: ReactNode;
}

/** A titled part of the board, with its own place for what went wrong. */
export function Panel({
  title,
  className,
  aside,
  problem = null,
  stale = false,
  children,
}: PanelProps): ReactNode {
  const heading = useId();
  const common = useAppState(commonProblem);
  const own = problem !== null && !isSame(problem, common) ? problem : null;
  return (
    <section className={`panel ${className}`} aria-labelledby={heading} aria-busy={stale}>
      <header className="panel__head">
        <h2 id={heading}>{title}</h2>
        {aside}
      </header>
      {own && <ProblemNote problem={own} />}
      <div className={stale && !problem ? "panel__body panel__body--stale" : "panel__body"}>{children}</div>
    </section>
  );
}

/** What went wrong with the whole page, if it did. */
export function CommonProblem(): ReactNode {
  const problem = useAppState(commonProblem);
  return problem && <ProblemNote problem={problem} />;
}

/** A problem in words, and a way to try again. */
export function ProblemNote({ problem }: { readonly problem: Problem }): ReactNode {
  const dashboard = useDashboard();
  return (
    <div className="problem" role="alert">
      <p>
        <strong>{problem.title}.</strong> {problem.detail}
      </p>
      <button type="button" className="button button--small" onClick={() => dashboard.wake()}>
        Try again
      </button>
    </div>
  );
}

/** What stands where there is nothing to show yet. */
export function Empty({ children }: { readonly children: ReactNode }): ReactNode {
  return <p className="empty">{children}</p>;
}
