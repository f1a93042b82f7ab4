CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    app         TEXT    NOT NULL,
    -- Empty for a custom app, which has one tenant.
    tenant      TEXT    NOT NULL DEFAULT '',
    -- The message id for messages: one message may be delivered under several event ids.
    origin      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    -- The short id shown in replies and in the log.
    reference   TEXT    NOT NULL DEFAULT '',
    -- ready -> running -> done | dead; suspended while it waits for a member's consent,
    -- paused if it is a recurring schedule that waits until it is resumed.
    state       TEXT    NOT NULL DEFAULT 'ready',
    -- `ordered_at` orders the jobs of a chat: the time of acceptance or, for a schedule, when it
    -- is due. `run_at` is the time of the next attempt.
    ordered_at  INTEGER NOT NULL,
    run_at      INTEGER NOT NULL,
    -- The first attempt; `worker.give_up_after` counts from here.
    started_at  INTEGER,
    finished_at INTEGER,
    -- How often it was requeued.
    retries     INTEGER NOT NULL DEFAULT 0,
    -- Panics, and crashes of the bot while this was the only running job.
    crashes     INTEGER NOT NULL DEFAULT 0,
    -- Crashes of the bot while this and other jobs were running: any may be the cause.
    suspicions  INTEGER NOT NULL DEFAULT 0,
    -- Whether an earlier attempt started: one of its calls may have taken effect.
    begun       INTEGER NOT NULL DEFAULT 0,
    -- Whether the bot runs no other job beside it.
    alone       INTEGER NOT NULL DEFAULT 0,
    -- The event as JSON; emptied when the job is done.
    payload     TEXT    NOT NULL,
    -- The progress of an action of several calls, as JSON.
    progress    TEXT,
    -- The outcome as JSON. A job that has one only owes its reply.
    outcome     TEXT,
    -- The first attempt to reply: the platform forgets the idempotency key after an hour.
    replying_since INTEGER,
    -- The reaction that acknowledged the command; removed with the answer.
    acknowledgement TEXT,
    -- The number of a schedule in its chat.
    number      INTEGER,
    -- The member whose consent a suspended job waits for (an open_id), and until when. The second
    -- stays when the job continues.
    suspended_for TEXT,
    suspended_until INTEGER,
    -- The span that led to the job, as W3C `traceparent`; NULL unless traces are recorded.
    trace       TEXT,
    -- 0 while it runs: one process uses the file. A server has the replica's id here.
    owner       INTEGER,
    UNIQUE (app, tenant, origin, kind)
);
CREATE TABLE changes (
    id          INTEGER PRIMARY KEY,
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    chat        TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    job_kind    TEXT    NOT NULL,
    -- The short id shown in replies and in the log.
    reference   TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    -- The author's open_id.
    actor       TEXT,
    -- The open_id of the member who decided on the author's proposal.
    approver    TEXT,
    -- 'pin', 'unpin', 'announce', …
    kind        TEXT    NOT NULL,
    -- 'done', or the reason of the refusal.
    result      TEXT    NOT NULL,
    -- Why it was declined, in the words of who did; emptied with the summary.
    reason      TEXT,
    -- The log id of the platform's refusal.
    log_id      TEXT,
    -- The first words of the text; emptied when the change can no longer be undone.
    summary     TEXT,
    -- The state before and after, as JSON; emptied likewise.
    before      TEXT,
    after       TEXT,
    -- 'top', 'announcement' or 'both'; NULL if nothing changed.
    place       TEXT,
    -- 1: reverted, 2: known to be irreversible.
    undone      INTEGER NOT NULL DEFAULT 0,
    -- The number of an announcement in its chat, by which members edit it.
    number      INTEGER,
    -- The change whose text this one edited.
    edits       INTEGER,
    UNIQUE (app, tenant, origin, job_kind)
);
CREATE TABLE limits (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    api         TEXT    NOT NULL,
    until       INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, api)
) WITHOUT ROWID;
CREATE TABLE answers (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    chat        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    sent_at     INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, chat, actor, reason)
) WITHOUT ROWID;
CREATE TABLE announcements (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    chat        TEXT    NOT NULL,
    can_delete_text INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, chat)
) WITHOUT ROWID;
CREATE TABLE settings (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    chat        TEXT    NOT NULL,
    -- 'language', 'timezone', 'mode', …
    name        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, chat, name)
) WITHOUT ROWID;
CREATE TABLE joined_lists (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    -- The name in the form in which names are compared.
    list        TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    -- The name as it was typed.
    name        TEXT    NOT NULL,
    joined_at   INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, list, chat)
) WITHOUT ROWID;
CREATE TABLE tenants (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    -- 'active', 'stopped' or 'erased', and when the platform reported it.
    state       TEXT    NOT NULL DEFAULT 'active',
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (app, tenant)
) WITHOUT ROWID;
CREATE TABLE app_tickets (
    app         TEXT    NOT NULL,
    sealed      TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (app, sealed)
) WITHOUT ROWID;
CREATE TABLE grants (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    -- The member's open_id.
    person      TEXT    NOT NULL,
    -- Both encrypted. Without a refresh token the grant ends with the access token.
    access_token  TEXT    NOT NULL,
    refresh_token TEXT,
    access_expires_at INTEGER NOT NULL,
    granted_at  INTEGER NOT NULL,
    renewed_at  INTEGER NOT NULL,
    -- Increases with each renewal, and starts with the time of the consent.
    version     INTEGER NOT NULL,
    -- A refresh token works once: until then, one replica renews the grant.
    renewing_until INTEGER,
    -- When the platform ended it.
    ended_at    INTEGER,
    PRIMARY KEY (app, tenant, person)
) WITHOUT ROWID;
CREATE TABLE consents (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    person      TEXT    NOT NULL,
    -- The link that the member gets, encrypted.
    link        TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    -- Redirect flow: the hash of the secret in the link.
    ticket      TEXT,
    -- Device flow: the encrypted device code, the time between two polls in milliseconds, and
    -- when the next is due.
    device_code TEXT,
    poll_interval INTEGER,
    next_poll_at  INTEGER,
    PRIMARY KEY (app, tenant, person)
) WITHOUT ROWID;
CREATE TABLE panel_commands (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    -- Without the slash.
    command     TEXT    NOT NULL,
    -- The platform's id; empty until its answer has named it.
    command_id  TEXT    NOT NULL,
    -- As JSON.
    description TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, command, command_id)
) WITHOUT ROWID;
CREATE TABLE panels (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    changing_until INTEGER NOT NULL,
    PRIMARY KEY (app, tenant)
) WITHOUT ROWID;
CREATE TABLE broadcasts (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    origin      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    -- The chat and the message of the command.
    chat        TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    list        TEXT    NOT NULL,
    -- The open_id of its author.
    author      TEXT,
    -- The message with its text, as JSON; emptied when the bot leaves the chat.
    payload     TEXT    NOT NULL,
    -- The message with the report; empty where the platform refused the card.
    card        TEXT,
    -- The number of finished deliveries that the report shows.
    shown       INTEGER NOT NULL DEFAULT 0,
    made_at     INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, origin, kind)
);
CREATE TABLE deliveries (
    app         TEXT    NOT NULL,
    tenant      TEXT    NOT NULL DEFAULT '',
    origin      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    -- The group.
    chat        TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    -- When its present or last job is due.
    due         INTEGER NOT NULL,
    -- The origins of the jobs that post and revert it, and the reference of the last one.
    posted_by   TEXT    NOT NULL,
    reverted_by TEXT,
    reference   TEXT    NOT NULL,
    -- The origin of the first run of the series, of which the broadcast is a run.
    series      TEXT,
    -- Why the last job failed, as JSON.
    refusal     TEXT,
    -- The name of the group.
    name        TEXT,
    made_at     INTEGER NOT NULL,
    PRIMARY KEY (app, tenant, origin, kind, chat)
);
CREATE INDEX jobs_open ON jobs (app, tenant, chat, ordered_at, id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_ready ON jobs (app, ordered_at, id) WHERE state = 'ready';
CREATE INDEX jobs_running ON jobs (chat, tenant, app) WHERE state = 'running';
CREATE INDEX jobs_suspended ON jobs (app, suspended_until) WHERE state = 'suspended';
CREATE INDEX jobs_of_member ON jobs (app, tenant, suspended_for) WHERE state = 'suspended';
CREATE INDEX jobs_finished ON jobs (app, finished_at) WHERE state IN ('done', 'dead');
CREATE INDEX jobs_by_reference ON jobs (reference, app);
CREATE INDEX jobs_planned ON jobs (app, tenant, chat, number) WHERE number IS NOT NULL;
CREATE INDEX changes_of_chat ON changes (app, tenant, chat, id);
CREATE INDEX changes_made ON changes (app, made_at);
CREATE INDEX changes_of_actor ON changes (app, actor, id) WHERE actor IS NOT NULL;
CREATE INDEX changes_of_approver ON changes (app, approver, id) WHERE approver IS NOT NULL;
CREATE INDEX changes_with_result ON changes (app, result, id);
CREATE INDEX changes_done ON changes (app, tenant, chat, id) WHERE result = 'done';
CREATE INDEX changes_with_state ON changes (app, tenant, chat, id) WHERE after IS NOT NULL;
CREATE INDEX changes_of_top ON changes (app, tenant, chat, id) WHERE place IN ('top', 'both');
CREATE INDEX changes_reverting ON changes (app, tenant, chat, id) WHERE kind IN ('undo', 'expire');
CREATE INDEX changes_numbered ON changes (app, tenant, chat, number) WHERE number IS NOT NULL;
CREATE INDEX changes_editing ON changes (edits) WHERE edits IS NOT NULL;
CREATE INDEX changes_with_text ON changes (app, made_at) WHERE summary IS NOT NULL;
CREATE INDEX answers_sent ON answers (app, sent_at);
CREATE INDEX joined_lists_of_chat ON joined_lists (app, tenant, chat);
CREATE INDEX grants_renewed ON grants (app, renewed_at) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX consents_by_ticket ON consents (app, ticket) WHERE ticket IS NOT NULL;
CREATE INDEX consents_to_poll ON consents (app, next_poll_at) WHERE device_code IS NOT NULL;
CREATE INDEX broadcasts_made ON broadcasts (app, made_at);
CREATE INDEX broadcasts_of_author ON broadcasts (app, tenant, author);
CREATE INDEX deliveries_open ON deliveries (app, tenant, due) WHERE state IN ('waiting', 'reverting');
CREATE INDEX deliveries_by_job ON deliveries (posted_by, tenant, app);
CREATE INDEX deliveries_of_series ON deliveries (series, chat, tenant, app, made_at) WHERE series IS NOT NULL;
CREATE INDEX deliveries_made ON deliveries (app, made_at);
PRAGMA user_version = 1;
