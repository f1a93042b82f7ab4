-- Times are unix milliseconds, as told by the bots' clocks; only leases go by the
-- server's. A later migration may only add, so that the release before runs on.

-- The bots that run. Each holds one lease for all that it works on; who finds it
-- over deletes the row, and takes its jobs over.
CREATE TABLE noticebot.replicas (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Written to show that it can be.
    probed_at   timestamptz
);
CREATE INDEX replicas_of_app ON noticebot.replicas (app, lease_until);

-- One row per thing to do. A row is written before its event is acknowledged
-- and stays after its end, so that a late second delivery is known.
CREATE TABLE noticebot.jobs (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    -- The message id for messages: a message may come again under another event id.
    origin      text    NOT NULL,
    step        text    NOT NULL,
    chat        text    NOT NULL,
    -- The short id that people quote: it stands in the log and in replies, too.
    reference   text    NOT NULL DEFAULT '',
    -- ready -> running -> done | dead
    state       text    NOT NULL DEFAULT 'ready',
    -- `place` orders a chat, `run_at` says when to try next.
    place       bigint  NOT NULL,
    run_at      bigint  NOT NULL,
    -- When it was tried first; `worker.give_up_after` counts from there.
    started_at  bigint,
    finished_at bigint,
    -- How often it was put back.
    retries     integer NOT NULL DEFAULT 0,
    -- How often it brought its worker down: panics, and deaths of a bot that worked on nothing else.
    crashes     integer NOT NULL DEFAULT 0,
    -- How often a bot died while it worked on this and on other jobs: any may be the cause.
    suspicions  integer NOT NULL DEFAULT 0,
    -- Whether an attempt was begun before: a call of it may have taken effect.
    begun       boolean NOT NULL DEFAULT false,
    -- Whether its bot works on nothing else beside it.
    alone       boolean NOT NULL DEFAULT false,
    -- What was received, as JSON; emptied when the job is done.
    payload     text    NOT NULL,
    -- How far an action of several calls has come, as JSON.
    progress    text,
    -- What came of it, as JSON. A job that has one only owes its reply.
    outcome     text,
    -- When its reply was sent first: the platform forgets the reply's key after an hour.
    replying_since bigint,
    -- The reaction that shows that the command was heard; removed with the answer.
    heard       text,
    -- By it the chat's members name planned work.
    number      integer,
    -- Who took the event. A press is answered by them, where the platform waits.
    taken_by    bigint,
    -- Who works on it. A bot whose lease was found over cannot claim any more.
    owner       bigint  REFERENCES noticebot.replicas (id),
    UNIQUE (app, origin, step),
    CHECK ((state = 'running') = (owner IS NOT NULL))
);
-- The queue: finished rows are not in it.
CREATE INDEX jobs_open ON noticebot.jobs (app, chat, place, id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_ready ON noticebot.jobs (app, place, id) WHERE state = 'ready';
CREATE INDEX jobs_owned ON noticebot.jobs (owner) WHERE owner IS NOT NULL;
CREATE INDEX jobs_finished ON noticebot.jobs (finished_at) WHERE state IN ('done', 'dead');
CREATE INDEX jobs_by_reference ON noticebot.jobs (app, reference);
CREATE INDEX jobs_planned ON noticebot.jobs (app, chat, number) WHERE number IS NOT NULL;
-- One job of a chat at a time, whatever is claimed at the same moment. Only the
-- word that too many wait may come beside it.
CREATE UNIQUE INDEX jobs_running ON noticebot.jobs (app, chat)
    WHERE state = 'running' AND step <> 'overflow';
-- A row changes several times in its short life.
ALTER TABLE noticebot.jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- What came of each command that was to change something: one row a job.
CREATE TABLE noticebot.changes (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    chat        text    NOT NULL,
    origin      text    NOT NULL,
    step        text    NOT NULL,
    -- The short id that people quote: it stands in the log and in replies, too.
    reference   text    NOT NULL,
    made_at     bigint  NOT NULL,
    -- The open_id of whoever asked for it.
    actor       text,
    -- 'pin', 'unpin', 'announce', …
    deed        text    NOT NULL,
    -- 'done', or why it was refused.
    result      text    NOT NULL,
    -- The platform's id of the answer that refused it.
    log_id      text,
    -- The first words of what was written; emptied when nobody can undo it any more.
    summary     text,
    -- What stood before and what stands since, as JSON; emptied likewise.
    before      text,
    after       text,
    -- 'top', 'announcement' or 'both'; nothing for what changed nothing.
    place       text,
    -- 1 once it was taken back, 2 once it is known that it cannot be.
    undone      integer NOT NULL DEFAULT 0,
    UNIQUE (app, origin, step)
);
CREATE INDEX changes_of_chat ON noticebot.changes (app, chat, id);
CREATE INDEX changes_made ON noticebot.changes (made_at);
-- A chat may have thousands of changes among which none is of the kind that is asked for.
CREATE INDEX changes_done ON noticebot.changes (app, chat, id) WHERE result = 'done';
CREATE INDEX changes_with_state ON noticebot.changes (app, chat, id) WHERE after IS NOT NULL;
CREATE INDEX changes_of_top ON noticebot.changes (app, chat, id) WHERE place IN ('top', 'both');
CREATE INDEX changes_taking_back ON noticebot.changes (app, chat, id) WHERE deed IN ('undo', 'expire');
-- What is to be forgotten is found without a look at what was.
CREATE INDEX changes_with_text ON noticebot.changes (made_at) WHERE summary IS NOT NULL;

-- APIs that asked to be left alone.
CREATE TABLE noticebot.limits (
    app         text    NOT NULL,
    api         text    NOT NULL,
    until       bigint  NOT NULL,
    PRIMARY KEY (app, api)
);

-- The row in which the bots of an app stand to write announcements of the new
-- kind, which the platform counts by app: when the last five turns were, in order.
CREATE TABLE noticebot.turns (
    app         text    PRIMARY KEY,
    last        bigint[] NOT NULL
);

-- When an answer of a kind that is throttled, a denial for example, was last sent to a person.
CREATE TABLE noticebot.answers (
    app         text    NOT NULL,
    chat        text    NOT NULL,
    actor       text    NOT NULL,
    reason      text    NOT NULL,
    sent_at     bigint  NOT NULL,
    PRIMARY KEY (app, chat, actor, reason)
);
CREATE INDEX answers_sent ON noticebot.answers (sent_at);

-- What was learned about the announcement of a chat: whether the platform lets text be removed.
CREATE TABLE noticebot.announcements (
    app         text    NOT NULL,
    chat        text    NOT NULL,
    lets_delete boolean NOT NULL,
    PRIMARY KEY (app, chat)
);
