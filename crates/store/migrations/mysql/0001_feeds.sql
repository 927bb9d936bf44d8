-- Names and keys are compared by their bytes (`_bin`), whatever the collation of the database is.
CREATE TABLE IF NOT EXISTS wirebench_feeds (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE,
    -- 16 hexadecimal digits, as cursors carry it.
    epoch CHAR(16) CHARACTER SET ascii NOT NULL,
    -- The oldest message that is kept; newest + 1 if none is.
    oldest BIGINT NOT NULL,
    -- The newest message that was ever appended; 0 before the first.
    newest BIGINT NOT NULL,
    -- The size of all payloads that are kept.
    bytes BIGINT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS wirebench_messages (
    feed_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    -- When the message was due, by the monotonic clock of the publisher's host.
    published_ns BIGINT NOT NULL,
    -- When it was written, in milliseconds since 1970, by the clock of the server that wrote it.
    published_at_ms BIGINT NOT NULL,
    -- 'json' or 'binary'.
    kind VARCHAR(8) CHARACTER SET ascii NOT NULL,
    idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin,
    -- The subscribers that it is for: those of one name, all but those of one name, or everybody.
    to_name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    except_name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    -- The size of the payload in bytes.
    size BIGINT NOT NULL,
    payload LONGBLOB NOT NULL,
    PRIMARY KEY (feed_id, seq),
    UNIQUE KEY wirebench_messages_by_key (feed_id, idempotency_key)
) ENGINE = InnoDB;
