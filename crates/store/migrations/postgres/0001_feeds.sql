CREATE TABLE wirebench_feeds (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    -- 16 hexadecimal digits, as cursors carry it.
    epoch TEXT NOT NULL,
    -- The oldest message that is kept; newest + 1 if none is.
    oldest BIGINT NOT NULL,
    -- The newest message that was ever appended; 0 before the first.
    newest BIGINT NOT NULL,
    -- The size of all payloads that are kept.
    bytes BIGINT NOT NULL
);

CREATE TABLE wirebench_messages (
    feed_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    -- When the message was due, by the monotonic clock of the publisher's host.
    published_ns BIGINT NOT NULL,
    -- When it was written, in milliseconds since 1970, by the clock of the server that wrote it.
    published_at_ms BIGINT NOT NULL,
    -- 'json' or 'binary'.
    kind TEXT NOT NULL,
    idempotency_key TEXT COLLATE "C",
    -- The subscribers that it is for: those of one name, all but those of one name, or everybody.
    to_name TEXT,
    except_name TEXT,
    -- The size of the payload in bytes.
    size BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    PRIMARY KEY (feed_id, seq)
);

CREATE UNIQUE INDEX wirebench_messages_by_key ON wirebench_messages (feed_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
