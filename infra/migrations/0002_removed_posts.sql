-- How many posts were taken out again, and why, so that the books still balance afterwards: every post that the counters
-- call stored is either a row or counted here.
CREATE TABLE removed_posts (
    reason text PRIMARY KEY CHECK (reason IN ('retention', 'erasure')),
    posts  bigint NOT NULL CHECK (posts >= 0)
);
