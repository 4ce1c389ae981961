import { memo, type ReactNode } from "react";

import { EMOTIONS, type Post, SENTIMENTS } from "../api/types";
import { formatPercent, formatScore } from "../lib/format";
import { Ago } from "./Ago";
import { SENTIMENT_NAME, SentimentMark } from "./SentimentMark";

interface PostItemProps {
  readonly post: Post;
  /** Whether the Tab key stops at this post (and at what is in it). */
  readonly reachable: boolean;
  readonly onTopic: (name: string) => void;
}

/** One post. Drawn again only if it, or its place in the Tab order, is another. */
export const PostItem = memo(function PostItem({ post, reachable, onTopic }: PostItemProps): ReactNode {
  const { sentiment, emotion } = post;
  const tabIndex = reachable ? 0 : -1;
  const label = sentiment?.label ?? null;
  return (
    <li>
      <article className={`post post--${label ?? "unscored"}`} data-post={post.id} tabIndex={tabIndex}>
        <p className="post__head">
          <span className="post__sentiment" title={sentiment ? shares(SENTIMENTS, sentiment) : undefined}>
            <SentimentMark label={label} />
            {label === null ? "Unscored" : SENTIMENT_NAME[label]}
          </span>
          {sentiment && (
            <span className="post__score" title="Score: positive − negative">
              {formatScore(sentiment.positive - sentiment.negative)}
            </span>
          )}
          {/* A post that shows none of the six says nothing here: beside the sentiment, "neutral" would be another. */}
          {emotion && emotion.label !== "neutral" && (
            <span className="post__emotion" title={shares(EMOTIONS, emotion)}>
              {emotion.label}
            </span>
          )}
          <span className="post__when">
            {post.url === null ? (
              <span className="post__source">{post.source}</span>
            ) : (
              <a
                className="post__source"
                href={post.url}
                target="_blank"
                rel="noopener noreferrer"
                tabIndex={tabIndex}
              >
                {post.source}
                <span className="unseen"> (opens the post)</span>
              </a>
            )}
            <span className="post__age">
              {" · "}
              <Ago at={post.created_at} />
            </span>
          </span>
        </p>
        <p className="post__text" lang={post.lang ?? undefined} dir="auto">
          {post.text}
        </p>
        {(post.topics.length > 0 || post.author !== null || post.model !== null) && (
          <p className="post__foot">
            {post.author !== null && <span className="post__author">{post.author}</span>}
            {post.topics.map((name) => (
              <button
                key={name}
                type="button"
                className="chip"
                tabIndex={tabIndex}
                title={`Look at ${name} only`}
                onClick={() => onTopic(name)}
              >
                {name}
              </button>
            ))}
            {post.model !== null && <span className="post__model">scored by {post.model}</span>}
          </p>
        )}
      </article>
    </li>
  );
});

/** The shares that a person would see, largest first, as a tooltip. */
function shares<L extends string>(labels: readonly L[], told: Readonly<Record<L, number>>): string {
  return labels
    .filter((label) => told[label] >= 0.01)
    .sort((one, other) => told[other] - told[one])
    .map((label) => `${label} ${formatPercent(told[label])}`)
    .join(", ");
}
