import { type ReactNode, useRef } from "react";

import type { Alert } from "../api/types";
import { formatCount, formatPercent } from "../lib/format";
import { useAppState, useDashboard } from "../state/context";
import { EVERYTHING } from "../state/selection";
import { Ago } from "./Ago";
import { Empty, Panel } from "./Panel";

/** What the rules warned of: firing first, then the newest. */
export function AlertsPanel(): ReactNode {
  const { value, problem } = useAppState((state) => state.alerts);
  const firing = value?.filter(({ state }) => state === "firing").length ?? 0;
  return (
    <Panel
      title="Alerts"
      className="alerts"
      problem={problem}
      aside={firing > 0 ? <span className="count count--firing">{firing} firing</span> : null}
    >
      {value === null && !problem && <Empty>Loading…</Empty>}
      {value?.length === 0 && <Empty>All calm: no rule has fired.</Empty>}
      {value !== null && value.length > 0 && (
        // A list that scrolls must be reachable by the keyboard.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <ul className="alerts__list" tabIndex={0} aria-label="Alerts, newest first">
          {value.map((alert) => (
            <AlertItem key={alert.id} alert={alert} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function AlertItem({ alert }: { readonly alert: Alert }): ReactNode {
  const dashboard = useDashboard();
  const busy = useAppState((state) => state.acknowledging[alert.id] === true);
  const item = useRef<HTMLLIElement>(null);
  const firing = alert.state === "firing";

  function acknowledge(): void {
    // The button goes, and the focus with it: it stays at what was acknowledged.
    item.current?.focus();
    void dashboard.acknowledge(alert.id);
  }

  return (
    <li ref={item} className={`alert alert--${alert.state}`} tabIndex={-1}>
      <p className="alert__title">
        <svg className="alert__sign" viewBox="0 0 12 12" aria-hidden="true">
          {firing ? (
            <path d="M6 .8 11.6 11.2H.4ZM6 4.4v3.4M6 9.3v.4" />
          ) : (
            <path d="M1.8 6.6 4.6 9.4 10.4 3" />
          )}
        </svg>
        <strong>{alert.rule_name}</strong>
        <span className="alert__state">{firing ? "Firing" : "Resolved"}</span>
      </p>
      <p className="alert__facts">
        {formatPercent(alert.value)} negative of {formatCount(alert.posts)} posts
        {alert.topic === EVERYTHING ? "" : ` on ${alert.topic}`}; the limit is{" "}
        {formatPercent(alert.threshold)}
      </p>
      <p className="alert__times">
        Fired <Ago at={alert.fired_at} spelled />
        {alert.resolved_at !== null && (
          <>
            , resolved <Ago at={alert.resolved_at} spelled />
          </>
        )}
        {alert.acknowledged_at !== null && (
          <>
            , acknowledged{alert.acknowledged_by ? ` by ${alert.acknowledged_by}` : ""}{" "}
            <Ago at={alert.acknowledged_at} spelled />
          </>
        )}
      </p>
      {alert.acknowledged_at === null && (
        <button type="button" className="button button--small" disabled={busy} onClick={acknowledge}>
          Acknowledge <span className="unseen">{alert.rule_name}</span>
        </button>
      )}
    </li>
  );
}
