import {
  type FocusEvent,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useCallback,
  useRef,
  useState,
} from "react";

import { useClock } from "../lib/clock";
import { formatCount } from "../lib/format";
import { useAppState, useDashboard } from "../state/context";
import { EVERYTHING } from "../state/selection";
import { Empty, Panel } from "./Panel";
import { PostItem } from "./PostItem";

/** How long "a sample" stands after the server last said so. */
const SAMPLED_MS = 15_000;

/**
 * Posts as they arrive, newest first. The list stands still while the pointer or the keyboard is in it, or when paused;
 * what comes meanwhile waits behind a button. Up and Down go from post to post.
 */
export function FeedPanel(): ReactNode {
  const dashboard = useDashboard();
  const { dispatch } = dashboard.store;
  const feed = useAppState((state) => state.feed);
  const { problem, stale } = useAppState((state) => state.feedLoaded);
  const topic = useAppState((state) => state.selection.topic);
  const sampled = useClock((now) => feed.sampledAt !== null && now - feed.sampledAt < SAMPLED_MS);
  const list = useRef<HTMLOListElement>(null);
  const [active, setActive] = useState<string | null>(null);
  // One post of the list is in the order of the Tab key: the one last stood on, else the first.
  const reachable = feed.posts.some(({ id }) => id === active) ? active : feed.posts[0]?.id;

  const lookAt = useCallback(
    (topic: string) => {
      // The post goes, and the focus with it: it stays here, but nobody reads an empty list.
      list.current?.focus();
      dashboard.select({ topic });
    },
    [dashboard],
  );

  function read(reading: boolean): void {
    dispatch({ type: "held", change: { reading } });
  }

  function onPointer(event: PointerEvent, inside: boolean): void {
    // A finger has no hover: it would hold the feed for ever.
    if (event.pointerType === "mouse" && !list.current?.contains(document.activeElement)) read(inside);
  }

  function onFocus(event: FocusEvent): void {
    setActive(event.target.closest("[data-post]")?.getAttribute("data-post") ?? null);
    read(event.target !== list.current);
  }

  function onBlur(event: FocusEvent): void {
    if (!list.current?.contains(event.relatedTarget)) read(list.current?.matches(":hover") ?? false);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const posts = [...(list.current?.querySelectorAll<HTMLElement>("[data-post]") ?? [])];
    const here = posts.findIndex((post) => post.contains(document.activeElement));
    const target = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: posts.length - 1 }[event.key];
    if (here < 0 || target === undefined) return;
    event.preventDefault();
    posts[Math.max(0, Math.min(posts.length - 1, target))]?.focus();
  }

  function showNew(): void {
    dispatch({ type: "released" });
    list.current?.scrollTo({ top: 0 });
  }

  return (
    <Panel
      title="Live feed"
      className="feed"
      problem={problem}
      aside={
        <div className="feed__tools">
          {feed.heldCount > 0 && (
            <button type="button" className="button button--news" onClick={showNew}>
              {formatCount(feed.heldCount)} new
            </button>
          )}
          <button
            type="button"
            className="button button--small"
            aria-pressed={feed.paused}
            onClick={() => dispatch({ type: "held", change: { paused: !feed.paused } })}
          >
            Pause
          </button>
        </div>
      }
    >
      {sampled && (
        <p className="feed__note">
          More posts come than can be read: this is a sample. The numbers count all.
        </p>
      )}
      {feed.posts.length === 0 && stale && !problem && <Empty>Loading…</Empty>}
      {feed.posts.length === 0 && !stale && (
        <Empty>
          {topic === EVERYTHING
            ? "No posts yet. They appear here as they arrive."
            : `No posts on ${topic} yet.`}
        </Empty>
      )}
      <ol
        ref={list}
        className="feed__list"
        tabIndex={-1}
        onPointerEnter={(event) => onPointer(event, true)}
        onPointerLeave={(event) => onPointer(event, false)}
        onFocus={onFocus}
        onBlur={onBlur}
        onKeyDown={onKeyDown}
      >
        {feed.posts.map((post) => (
          <PostItem key={post.id} post={post} reachable={post.id === reachable} onTopic={lookAt} />
        ))}
      </ol>
    </Panel>
  );
}
