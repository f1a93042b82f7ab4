-- Work that was planned has a number in its chat, by which it is cancelled. It
-- waits outside of the queue's bounds: its `place` is the time when it is due.
ALTER TABLE jobs ADD COLUMN number INTEGER;
CREATE INDEX jobs_planned ON jobs (app, chat, number) WHERE number IS NOT NULL;

-- What came of each command that was to change something: one row a job.
CREATE TABLE changes (
    id          INTEGER PRIMARY KEY,
    app         TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    -- Unix milliseconds.
    made_at     INTEGER NOT NULL,
    -- The open_id of whoever asked for it.
    actor       TEXT,
    -- 'pin', 'unpin', 'announce', …
    deed        TEXT    NOT NULL,
    -- 'done', or why it was refused.
    result      TEXT    NOT NULL,
    -- The platform's id of the answer that refused it.
    log_id      TEXT,
    -- The first words of what was written; emptied when nobody can undo it any more.
    summary     TEXT,
    -- What stood before and what stands now, as JSON; emptied likewise.
    change      TEXT,
    -- 'top', 'announcement' or 'both'; nothing for what changed nothing.
    place       TEXT,
    -- 1 once it was taken back, 2 once it is known that it cannot be.
    undone      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (app, origin, step)
);
CREATE INDEX changes_of_chat ON changes (app, chat, id);
CREATE INDEX changes_made ON changes (made_at);
