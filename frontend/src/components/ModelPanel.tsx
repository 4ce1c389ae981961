import type { ReactNode } from "react";

import { formatCount } from "../lib/format";
import { useAppState } from "../state/context";
import { Ago } from "./Ago";
import { Empty, Panel } from "./Panel";

/** Which model scores the posts, why not a better one, and how many posts each has scored in a day. */
export function ModelPanel(): ReactNode {
  const { value, problem } = useAppState((state) => state.pipeline);
  const model = value?.model;
  const fallen = model?.fallback_because != null;
  return (
    <Panel
      title="Model"
      className="model"
      problem={problem}
      aside={fallen ? <span className="count count--firing">Not the chosen one</span> : null}
    >
      {value === null && !problem && <Empty>Loading…</Empty>}
      {value !== null && !model && <Empty>Nothing was scored for a day.</Empty>}
      {model && (
        <p>
          <strong>{model.in_use ?? "None"}</strong> since <Ago at={model.since} spelled />
          {fallen && <> because {model.fallback_because}</>}
        </p>
      )}
      {value !== null && value.scored_by.length > 0 && (
        <ul className="model__list" aria-label="Posts of the last 24 hours, by model">
          {value.scored_by.map(({ model: name, because, posts }) => (
            <li key={`${name} ${because}`} className="model__row">
              <span>
                {name ?? "Unscored"}
                {because !== null && <span className="model__why">: {because}</span>}
              </span>
              <strong className="model__posts">{formatCount(posts)}</strong>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
