-- One row per thing to do. A row is written before its event is acknowledged
-- and stays after its end, so that a late second delivery is known.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    app         TEXT    NOT NULL,
    -- The message id for messages: a message may come again under another event id.
    origin      TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    -- The short id that people quote: it stands in the log and in replies, too.
    reference   TEXT    NOT NULL DEFAULT '',
    -- ready -> running -> done | dead
    state       TEXT    NOT NULL DEFAULT 'ready',
    -- Times are unix milliseconds. `place` orders a chat, `run_at` says when to try next.
    place       INTEGER NOT NULL,
    run_at      INTEGER NOT NULL,
    -- When it was tried first; `worker.give_up_after` counts from there.
    started_at  INTEGER,
    finished_at INTEGER,
    -- How often it was put back, and how often its worker died under it.
    retries     INTEGER NOT NULL DEFAULT 0,
    crashes     INTEGER NOT NULL DEFAULT 0,
    -- What was received, as JSON; emptied when the job is done.
    payload     TEXT    NOT NULL,
    -- How far an action of several calls has come, as JSON.
    progress    TEXT,
    -- What came of it, as JSON. A job that has one only owes its reply.
    outcome     TEXT,
    -- When its reply was sent first: the platform forgets the reply's key after an hour.
    replying_since INTEGER,
    -- The reaction that shows that the command was heard; removed with the answer.
    heard       TEXT,
    UNIQUE (app, origin, step)
);

-- The queue: finished rows are not in it.
CREATE INDEX jobs_open ON jobs (chat, place, id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_ready ON jobs (place, id) WHERE state = 'ready';
CREATE INDEX jobs_by_reference ON jobs (app, reference);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state IN ('done', 'dead');
