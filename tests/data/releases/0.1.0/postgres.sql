SET client_encoding = 'UTF8';
CREATE SCHEMA noticebot;
CREATE TABLE IF NOT EXISTS noticebot.migrations (
     version    integer     PRIMARY KEY,
     needs      integer     NOT NULL,
     made_at    timestamptz NOT NULL DEFAULT now());
-- Times are unix milliseconds by the bots' clocks; only leases go by the server's.
-- A later migration may only add, so that replicas of the release before keep running.

-- The running replicas. Each holds one lease for all its jobs; the replica that finds it
-- expired deletes the row and takes the jobs over.
CREATE TABLE noticebot.replicas (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Written by the readiness probe.
    probed_at   timestamptz
);
CREATE INDEX replicas_of_app ON noticebot.replicas (app, lease_until);

-- One row per job. A row is written before its event is acknowledged and kept
-- after the job ends, so that a late redelivery is recognised.
CREATE TABLE noticebot.jobs (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    -- Empty for a custom app, which has one tenant.
    tenant      text    NOT NULL DEFAULT '',
    -- The message id for messages: one message may be delivered under several event ids.
    origin      text    NOT NULL,
    kind        text    NOT NULL,
    chat        text    NOT NULL,
    -- The short id shown in replies and in the log.
    reference   text    NOT NULL DEFAULT '',
    -- ready -> running -> done | dead; suspended while it waits for a member's consent,
    -- paused if it is a recurring schedule that waits until it is resumed.
    state       text    NOT NULL DEFAULT 'ready',
    -- `ordered_at` orders the jobs of a chat: the time of acceptance or, for a schedule, when it
    -- is due. `run_at` is the time of the next attempt.
    ordered_at  bigint  NOT NULL,
    run_at      bigint  NOT NULL,
    -- The first attempt; `worker.give_up_after` counts from here.
    started_at  bigint,
    finished_at bigint,
    -- How often it was requeued.
    retries     bigint  NOT NULL DEFAULT 0,
    -- Panics, and crashes of the bot while this was the only running job.
    crashes     bigint  NOT NULL DEFAULT 0,
    -- Crashes of the bot while this and other jobs were running: any may be the cause.
    suspicions  bigint  NOT NULL DEFAULT 0,
    -- Whether an earlier attempt started: one of its calls may have taken effect.
    begun       boolean NOT NULL DEFAULT false,
    -- Whether the bot runs no other job beside it.
    alone       boolean NOT NULL DEFAULT false,
    -- The event as JSON; emptied when the job is done.
    payload     text    NOT NULL,
    -- The progress of an action of several calls, as JSON.
    progress    text,
    -- The outcome as JSON. A job that has one only owes its reply.
    outcome     text,
    -- The first attempt to reply: the platform forgets the idempotency key after an hour.
    replying_since bigint,
    -- The reaction that acknowledged the command; removed with the answer.
    acknowledgement text,
    -- The number of a schedule in its chat.
    number      bigint,
    -- The member whose consent a suspended job waits for (an open_id), and until when. The second
    -- stays when the job continues.
    suspended_for text,
    suspended_until bigint,
    -- The span that led to the job, as W3C `traceparent`; NULL unless traces are recorded.
    trace       text,
    -- The replica that accepted the event. It answers a card callback, for which the platform waits.
    accepted_by   bigint,
    -- The replica that runs it. A replica whose lease expired cannot claim.
    owner       bigint  REFERENCES noticebot.replicas (id),
    UNIQUE (app, tenant, origin, kind),
    CHECK ((state = 'running') = (owner IS NOT NULL))
);
-- The queue, without finished rows.
CREATE INDEX jobs_open ON noticebot.jobs (app, tenant, chat, ordered_at, id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_ready ON noticebot.jobs (app, ordered_at, id) WHERE state = 'ready';
CREATE INDEX jobs_owned ON noticebot.jobs (owner) WHERE owner IS NOT NULL;
CREATE INDEX jobs_suspended ON noticebot.jobs (app, suspended_until) WHERE state = 'suspended';
CREATE INDEX jobs_of_member ON noticebot.jobs (app, tenant, suspended_for) WHERE state = 'suspended';
CREATE INDEX jobs_finished ON noticebot.jobs (app, finished_at) WHERE state IN ('done', 'dead');
CREATE INDEX jobs_by_reference ON noticebot.jobs (reference, app);
CREATE INDEX jobs_planned ON noticebot.jobs (app, tenant, chat, number) WHERE number IS NOT NULL;
-- One running job per chat, even under concurrent claims. Only the answer that the
-- queue is full may run beside it.
CREATE UNIQUE INDEX jobs_running ON noticebot.jobs (app, tenant, chat)
    WHERE state = 'running' AND kind <> 'overflow';
-- A row is updated several times in its short life.
ALTER TABLE noticebot.jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- The result of each command that changes something: one row per job.
CREATE TABLE noticebot.changes (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    chat        text    NOT NULL,
    origin      text    NOT NULL,
    job_kind    text    NOT NULL,
    -- The short id shown in replies and in the log.
    reference   text    NOT NULL,
    made_at     bigint  NOT NULL,
    -- The author's open_id.
    actor       text,
    approver    text,
    -- 'pin', 'unpin', 'announce', …
    kind        text    NOT NULL,
    -- 'done', or the reason of the refusal.
    result      text    NOT NULL,
    -- Why it was declined, in the words of who did; emptied with the summary.
    reason      text,
    -- The log id of the platform's refusal.
    log_id      text,
    -- The first words of the text; emptied when the change can no longer be undone.
    summary     text,
    -- The state before and after, as JSON; emptied likewise.
    before      text,
    after       text,
    -- 'top', 'announcement' or 'both'; NULL if nothing changed.
    place       text,
    -- 1: reverted, 2: known to be irreversible.
    undone      bigint  NOT NULL DEFAULT 0,
    -- The number of an announcement in its chat, by which members edit it.
    number      bigint,
    -- The change whose text this one edited.
    edits       bigint,
    UNIQUE (app, tenant, origin, job_kind)
);
CREATE INDEX changes_of_chat ON noticebot.changes (app, tenant, chat, id);
CREATE INDEX changes_made ON noticebot.changes (app, made_at);
-- The audit is searched by person and by result.
CREATE INDEX changes_of_actor ON noticebot.changes (app, actor, id) WHERE actor IS NOT NULL;
CREATE INDEX changes_of_approver ON noticebot.changes (app, approver, id) WHERE approver IS NOT NULL;
CREATE INDEX changes_with_result ON noticebot.changes (app, result, id);
-- A chat may have thousands of changes and none of the kind that a query looks for.
CREATE INDEX changes_done ON noticebot.changes (app, tenant, chat, id) WHERE result = 'done';
CREATE INDEX changes_with_state ON noticebot.changes (app, tenant, chat, id) WHERE after IS NOT NULL;
CREATE INDEX changes_of_top ON noticebot.changes (app, tenant, chat, id) WHERE place IN ('top', 'both');
CREATE INDEX changes_reverting ON noticebot.changes (app, tenant, chat, id) WHERE kind IN ('undo', 'expire');
CREATE INDEX changes_numbered ON noticebot.changes (app, tenant, chat, number) WHERE number IS NOT NULL;
CREATE INDEX changes_editing ON noticebot.changes (edits) WHERE edits IS NOT NULL;
-- Rows whose text is due for removal.
CREATE INDEX changes_with_text ON noticebot.changes (app, made_at) WHERE summary IS NOT NULL;

-- Rate limits that the platform set, per API.
CREATE TABLE noticebot.limits (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    api         text    NOT NULL,
    until       bigint  NOT NULL,
    PRIMARY KEY (app, tenant, api)
);

-- The write slots for `docx` announcements, whose rate the platform limits per app: the times of
-- the last five writes, in order. Replicas queue for the row's lock.
CREATE TABLE noticebot.write_slots (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    last        bigint[] NOT NULL,
    PRIMARY KEY (app, tenant)
);

-- When a throttled answer, a denial for example, was last sent to a person.
CREATE TABLE noticebot.answers (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    chat        text    NOT NULL,
    actor       text    NOT NULL,
    reason      text    NOT NULL,
    sent_at     bigint  NOT NULL,
    PRIMARY KEY (app, tenant, chat, actor, reason)
);
CREATE INDEX answers_sent ON noticebot.answers (app, sent_at);

-- Whether the platform lets text be removed from a chat's announcement.
CREATE TABLE noticebot.announcements (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    chat        text    NOT NULL,
    can_delete_text boolean NOT NULL,
    PRIMARY KEY (app, tenant, chat)
);

-- What groups have set for themselves, one row per setting. A group without a row has the value of
-- the configuration.
CREATE TABLE noticebot.settings (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    chat        text    NOT NULL,
    -- 'language', 'timezone', 'mode', …
    name        text    NOT NULL,
    value       text    NOT NULL,
    changed_at  bigint  NOT NULL,
    PRIMARY KEY (app, tenant, chat, name)
);

-- The lists of groups that groups have joined, in addition to the lists of the configuration.
CREATE TABLE noticebot.joined_lists (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    -- The name in the form in which names are compared.
    list        text    NOT NULL,
    chat        text    NOT NULL,
    -- The name as it was typed.
    name        text    NOT NULL,
    joined_at   bigint  NOT NULL,
    PRIMARY KEY (app, tenant, list, chat)
);
CREATE INDEX joined_lists_of_chat ON noticebot.joined_lists (app, tenant, chat);

-- The tenants that a store app serves.
CREATE TABLE noticebot.tenants (
    app         text    NOT NULL,
    tenant      text    NOT NULL,
    first_seen_at bigint  NOT NULL,
    last_seen_at bigint  NOT NULL,
    -- 'active', 'stopped' or 'erased', and when the platform reported it.
    state       text    NOT NULL DEFAULT 'active',
    changed_at  bigint  NOT NULL,
    PRIMARY KEY (app, tenant)
);

-- The tickets of a store app, encrypted.
CREATE TABLE noticebot.app_tickets (
    app         text    NOT NULL,
    sealed      text    NOT NULL,
    received_at bigint  NOT NULL,
    PRIMARY KEY (app, sealed)
);

-- The consent of members to act as them: one grant per member.
CREATE TABLE noticebot.grants (
    app         text    NOT NULL,
    tenant      text    NOT NULL,
    -- The member's open_id.
    person      text    NOT NULL,
    -- Both encrypted. Without a refresh token the grant ends with the access token.
    access_token  text    NOT NULL,
    refresh_token text,
    access_expires_at bigint NOT NULL,
    granted_at  bigint NOT NULL,
    renewed_at  bigint NOT NULL,
    -- Increases with each renewal, and starts with the time of the consent.
    version     bigint NOT NULL,
    -- A refresh token works once: until then, one replica renews the grant.
    renewing_until bigint,
    -- When the platform ended it.
    ended_at    bigint,
    PRIMARY KEY (app, tenant, person)
);
CREATE INDEX grants_renewed ON noticebot.grants (app, renewed_at) WHERE ended_at IS NULL;

-- Requests for consent that are not answered: one per member.
CREATE TABLE noticebot.consents (
    app         text    NOT NULL,
    tenant      text    NOT NULL,
    person      text    NOT NULL,
    -- The link that the member gets, encrypted.
    link        text    NOT NULL,
    expires_at  bigint NOT NULL,
    -- Redirect flow: the hash of the secret in the link.
    ticket      text,
    -- Device flow: the encrypted device code, the time between two polls in milliseconds, and
    -- when the next is due.
    device_code text,
    poll_interval bigint,
    next_poll_at  bigint,
    PRIMARY KEY (app, tenant, person)
);
CREATE UNIQUE INDEX consents_by_ticket ON noticebot.consents (app, ticket) WHERE ticket IS NOT NULL;
CREATE INDEX consents_to_poll ON noticebot.consents (app, next_poll_at) WHERE device_code IS NOT NULL;

-- What the bot has made in the `/` panel, or has begun to make: only this is changed there.
CREATE TABLE noticebot.panel_commands (
    app         text    NOT NULL,
    tenant      text    NOT NULL,
    -- Without the slash.
    command     text    NOT NULL,
    -- The platform's id; empty until its answer has named it.
    command_id  text    NOT NULL,
    -- As JSON.
    description text    NOT NULL,
    made_at     bigint NOT NULL,
    PRIMARY KEY (app, tenant, command, command_id)
);

-- Until then, one process changes the panel.
CREATE TABLE noticebot.panels (
    app         text    NOT NULL,
    tenant      text    NOT NULL,
    changing_until bigint NOT NULL,
    PRIMARY KEY (app, tenant)
);

-- Announcements that one command sends to the groups of a list, named after the job that started
-- them. Removed once they are too old to be undone.
CREATE TABLE noticebot.broadcasts (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    origin      text    NOT NULL,
    kind        text    NOT NULL,
    -- The chat and the message of the command.
    chat        text    NOT NULL,
    message     text    NOT NULL,
    list        text    NOT NULL,
    -- The open_id of its author.
    author      text,
    -- The message with its text, as JSON; emptied when the bot leaves the chat.
    payload     text    NOT NULL,
    -- The message with the report; empty where the platform refused the card.
    card        text,
    -- The number of finished deliveries that the report shows.
    shown       bigint  NOT NULL DEFAULT 0,
    made_at     bigint  NOT NULL,
    PRIMARY KEY (app, tenant, origin, kind)
);
CREATE INDEX broadcasts_made ON noticebot.broadcasts (app, made_at);
CREATE INDEX broadcasts_of_author ON noticebot.broadcasts (app, tenant, author);

-- A broadcast to one group.
CREATE TABLE noticebot.deliveries (
    app         text    NOT NULL,
    tenant      text    NOT NULL DEFAULT '',
    origin      text    NOT NULL,
    kind        text    NOT NULL,
    -- The group.
    chat        text    NOT NULL,
    position    bigint  NOT NULL,
    state       text    NOT NULL,
    -- When its present or last job is due.
    due         bigint  NOT NULL,
    -- The origins of the jobs that post and revert it, and the reference of the last one.
    posted_by   text    NOT NULL,
    reverted_by text,
    reference   text    NOT NULL,
    -- The origin of the first run of the series, of which the broadcast is a run.
    series      text,
    -- Why the last job failed, as JSON.
    refusal     text,
    -- The name of the group.
    name        text,
    made_at     bigint  NOT NULL,
    PRIMARY KEY (app, tenant, origin, kind, chat)
);
CREATE INDEX deliveries_open ON noticebot.deliveries (app, tenant, due) WHERE state IN ('waiting', 'reverting');
CREATE INDEX deliveries_by_job ON noticebot.deliveries (posted_by, tenant, app);
CREATE INDEX deliveries_of_series ON noticebot.deliveries (series, chat, tenant, app, made_at) WHERE series IS NOT NULL;
CREATE INDEX deliveries_made ON noticebot.deliveries (app, made_at);
INSERT INTO noticebot.migrations (version, needs) VALUES (1, 1);
