-- The short id that people quote: it stands in the log and in replies, too.
ALTER TABLE changes ADD COLUMN reference TEXT;

-- APIs that asked to be left alone. Times are unix milliseconds.
CREATE TABLE limits (
    app         TEXT    NOT NULL,
    api         TEXT    NOT NULL,
    until       INTEGER NOT NULL,
    PRIMARY KEY (app, api)
) WITHOUT ROWID;

-- Who was told last that they may not, so that nobody is told at every try.
CREATE TABLE denials (
    app         TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    told_at     INTEGER NOT NULL,
    PRIMARY KEY (app, chat, actor)
) WITHOUT ROWID;
CREATE INDEX denials_told ON denials (told_at);
