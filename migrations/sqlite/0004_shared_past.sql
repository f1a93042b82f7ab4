-- The short id that people quote: it stands in the log and in replies, too.
ALTER TABLE changes ADD COLUMN reference TEXT;

-- APIs that asked to be left alone. Times are unix milliseconds.
CREATE TABLE limits (
    app         TEXT    NOT NULL,
    api         TEXT    NOT NULL,
    until       INTEGER NOT NULL,
    PRIMARY KEY (app, api)
) WITHOUT ROWID;

-- When an answer of a kind that is throttled, a denial for example, was last sent to a person.
CREATE TABLE answers (
    app         TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    sent_at     INTEGER NOT NULL,
    PRIMARY KEY (app, chat, actor, reason)
) WITHOUT ROWID;
CREATE INDEX answers_sent ON answers (sent_at);

-- A chat may have thousands of changes among which none is of the kind that is asked for.
CREATE INDEX changes_done ON changes (app, chat, id) WHERE result = 'done';
CREATE INDEX changes_with_state ON changes (app, chat, id) WHERE after IS NOT NULL;
CREATE INDEX changes_of_top ON changes (app, chat, id) WHERE place IN ('top', 'both');
CREATE INDEX changes_taking_back ON changes (app, chat, id) WHERE deed IN ('undo', 'expire');
-- What is to be forgotten is found without a look at what was.
CREATE INDEX changes_with_text ON changes (made_at) WHERE summary IS NOT NULL;

-- What was learned about the announcement of a chat: whether the platform lets text be removed.
CREATE TABLE announcements (
    app         TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    lets_delete INTEGER NOT NULL,
    PRIMARY KEY (app, chat)
) WITHOUT ROWID;
