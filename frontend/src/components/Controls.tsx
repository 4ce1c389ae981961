import { type ReactNode, useMemo } from "react";

import { useAppState, useDashboard } from "../state/context";
import { EVERYTHING, WINDOW, WINDOWS } from "../state/selection";

/** What to look at: topic, source and window. */
export function Controls(): ReactNode {
  const dashboard = useDashboard();
  const selection = useAppState((state) => state.selection);
  const topics = useAppState((state) => state.topics.value);
  const known = useAppState((state) => state.sources);
  // What the address asks for stays a choice, known or not.
  const names = useMemo(
    () =>
      withChoice(
        (topics ?? []).map(({ name }) => name),
        selection.topic === EVERYTHING ? null : selection.topic,
      ),
    [topics, selection.topic],
  );
  const sources = useMemo(() => withChoice(known, selection.source), [known, selection.source]);

  return (
    <search className="controls" aria-label="What to look at">
      <label className="field">
        <span>Topic</span>
        <select value={selection.topic} onChange={(event) => dashboard.select({ topic: event.target.value })}>
          <option value={EVERYTHING}>Everything</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>Source</span>
        <select
          value={selection.source ?? ""}
          onChange={(event) => dashboard.select({ source: event.target.value || null })}
        >
          <option value="">All sources</option>
          {sources.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <fieldset className="segments">
        <legend>Window</legend>
        {WINDOWS.map((name) => (
          <label key={name} title={`The last ${WINDOW[name].words}`}>
            <input
              type="radio"
              name="window"
              value={name}
              checked={selection.window === name}
              onChange={() => dashboard.select({ window: name })}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
    </search>
  );
}

function withChoice(known: readonly string[], choice: string | null): readonly string[] {
  return choice === null || known.includes(choice) ? known : [...known, choice].sort();
}
