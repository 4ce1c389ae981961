import type { ReactNode } from "react";

import { chooseTheme, useTheme } from "../lib/theme";
import { useAppState, useDashboard } from "../state/context";
import { type LinkMode, linkMode } from "../state/state";
import { Wordmark } from "./Wordmark";

const BADGE: Readonly<Record<LinkMode, { name: string; means: string }>> = {
  connecting: { name: "Connecting", means: "Opening the live connection" },
  live: { name: "Live", means: "Posts and numbers arrive as they happen" },
  polling: { name: "Polling", means: "No live connection: asking every 5 seconds" },
  offline: { name: "Offline", means: "Barometer does not answer: what you see is the last that was heard" },
};

export function Header(): ReactNode {
  const dashboard = useDashboard();
  return (
    <header className="masthead">
      <Wordmark />
      <Badge />
      <div className="masthead__tools">
        <ThemeButton />
        <button type="button" className="button button--quiet" onClick={() => void dashboard.signOut()}>
          Sign out
        </button>
      </div>
    </header>
  );
}

/** How fresh the page is, by name, shape and colour. */
export function Badge(): ReactNode {
  const mode = useAppState(linkMode);
  const { name, means } = BADGE[mode];
  return (
    <p className={`badge badge--${mode}`} role="status" title={means}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {mode === "live" && <circle cx="6" cy="6" r="4.5" />}
        {mode === "offline" && <path d="M2 2 10 10M10 2 2 10" />}
        {(mode === "polling" || mode === "connecting") && <path d="M10.5 6A4.5 4.5 0 1 1 8 2" />}
      </svg>
      <span>{name}</span>
      <span className="unseen">: {means}</span>
    </p>
  );
}

function ThemeButton(): ReactNode {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      className="button button--quiet button--icon"
      aria-label={`Switch to ${other}`}
      title={`Switch to ${other}`}
      onClick={() => chooseTheme(other)}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="7" className="ring" />
        <path d="M10 3a7 7 0 0 1 0 14Z" />
      </svg>
    </button>
  );
}
