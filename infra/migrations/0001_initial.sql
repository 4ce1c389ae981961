-- Posts, their rollups, and what people set up: topics, rules, keys. Numbers from a model are whole ten-thousandths, so
-- that sums are exact and a rollup can be compared with a recount to the last digit.

-- One row a post for as long as it is kept. It makes an id unique over all partitions, remembers which acceptance
-- (receipt) stored it, and tells in which partition it lies.
CREATE TABLE post_keys (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL,
    receipt    text NOT NULL
);
CREATE INDEX post_keys_created_at ON post_keys USING brin (created_at);

CREATE TABLE posts (
    id          uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    source      text NOT NULL,
    source_id   text,
    author      text,
    text        text NOT NULL,
    url         text,
    lang        text,
    topics      text[] NOT NULL DEFAULT '{}',
    metadata    jsonb,
    -- positive, neutral, negative; null when the post was not scored
    sentiment        text CHECK (sentiment IN ('positive', 'neutral', 'negative')),
    sentiment_shares integer[] CHECK (cardinality(sentiment_shares) = 3),
    -- anger, disgust, fear, joy, neutral, sadness, surprise; null when the model does not tell
    emotion        text CHECK (emotion IN ('anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise')),
    emotion_shares integer[] CHECK (cardinality(emotion_shares) = 7),
    model     text,
    corrected boolean NOT NULL DEFAULT false,
    PRIMARY KEY (created_at, id),
    CHECK ((sentiment IS NULL) = (sentiment_shares IS NULL)),
    CHECK ((emotion IS NULL) = (emotion_shares IS NULL))
) PARTITION BY RANGE (created_at);
CREATE INDEX posts_topics ON posts USING gin (topics);
CREATE INDEX posts_words ON posts USING gin (to_tsvector('simple', text));
CREATE INDEX posts_author ON posts (source, author) WHERE author IS NOT NULL;

-- One row a minute, topic and source; topic '*' counts every post.
CREATE TABLE rollups (
    topic  text NOT NULL,
    source text NOT NULL,
    minute timestamptz NOT NULL CHECK (minute = date_trunc('minute', minute, 'UTC')),
    posts    bigint NOT NULL DEFAULT 0,
    unscored bigint NOT NULL DEFAULT 0,
    positive bigint NOT NULL DEFAULT 0,
    neutral  bigint NOT NULL DEFAULT 0,
    negative bigint NOT NULL DEFAULT 0,
    score_sum bigint NOT NULL DEFAULT 0, -- sum of (positive - negative) shares, in ten-thousandths
    anger    bigint NOT NULL DEFAULT 0,
    disgust  bigint NOT NULL DEFAULT 0,
    fear     bigint NOT NULL DEFAULT 0,
    joy      bigint NOT NULL DEFAULT 0,
    emotion_neutral bigint NOT NULL DEFAULT 0,
    sadness  bigint NOT NULL DEFAULT 0,
    surprise bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, minute, source)
) WITH (fillfactor = 70);

CREATE TABLE topics (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    query      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rules (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('negative_share')),
    topic      text NOT NULL DEFAULT '*',
    threshold  double precision NOT NULL CHECK (threshold > 0 AND threshold <= 1),
    window_seconds integer NOT NULL CHECK (window_seconds BETWEEN 60 AND 86400),
    minimum_posts  integer NOT NULL CHECK (minimum_posts >= 1),
    webhook_url text,
    enabled    boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE alerts (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rule_id     uuid NOT NULL REFERENCES rules (id) ON DELETE CASCADE,
    rule_name   text NOT NULL,
    topic       text NOT NULL,
    state       text NOT NULL CHECK (state IN ('firing', 'resolved')),
    value       double precision NOT NULL,
    posts       bigint NOT NULL,
    threshold   double precision NOT NULL,
    fired_at    timestamptz NOT NULL,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
-- A rule fires once until it resolves, whoever evaluates it and however often.
CREATE UNIQUE INDEX alerts_one_firing_a_rule ON alerts (rule_id) WHERE state = 'firing';
CREATE INDEX alerts_newest ON alerts (fired_at DESC, id DESC);

-- Written with the alert's own transaction, so that a crash before the webhook answers sends it again, never not at all.
CREATE TABLE notifications (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id     uuid NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    transition   text NOT NULL CHECK (transition IN ('fired', 'resolved')),
    url          text NOT NULL,
    body         jsonb NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    failed_at    timestamptz, -- given up after the last attempt
    last_error   text
);
CREATE INDEX notifications_due ON notifications (next_at) WHERE delivered_at IS NULL AND failed_at IS NULL;

CREATE TABLE api_keys (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    scopes      text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write', 'admin'] AND cardinality(scopes) > 0),
    secret_hash bytea NOT NULL, -- SHA-256 of 256 random bits: nothing to brute-force, nothing to read back
    created_at  timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    key_id     text NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);
