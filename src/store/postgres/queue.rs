//! The statements about jobs, one function each; transactions are the caller's.
//!
//! Columns are named one by one: a statement that asks for all of them would fail
//! when the next release adds one beside us.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::model::job::{JobKind, NewJob};
use crate::model::outcome::Outcome;
use crate::model::refusal::Cause;
use crate::store::Accepted;
use crate::store::postgres::executor;
use crate::store::row::overflow;
use crate::store::statements::jobs;

/// So long a press is left to whoever took it, as the platform waits there.
const RESERVED: Duration = Duration::from_secs(3);

/// What taking a job came to.
pub(super) struct Acceptance {
    pub(super) accepted: Accepted,
    /// How many rows it opened.
    pub(super) opened: usize,
}

/// Queues a job, unless it is known or its chat has `bound` already.
pub(super) async fn accept(
    client: &impl GenericClient,
    job: &NewJob,
    bound: usize,
    accepted_by: i64,
    now: Timestamp,
) -> Result<Acceptance, Error> {
    // Whatever the clock says, it comes behind what was taken before it.
    let prepared = client
        .prepare_cached(
            "WITH of_chat AS (
                 SELECT count(*) AS waiting, min(id) AS head, max(ordered_at) AS last_place FROM jobs
                 WHERE app = $1 AND chat = $4 AND kind = $3 AND state IN ('ready', 'running')),
             taken AS (
                 INSERT INTO jobs (app, origin, kind, chat, ordered_at, run_at, payload, accepted_by, reference)
                 SELECT $1, $2, $3, $4, greatest($5, last_place), greatest($5, last_place), $6, $7, $9
                 FROM of_chat WHERE waiting < $8
                 ON CONFLICT DO NOTHING RETURNING 1)
             SELECT waiting, coalesce(head, 0), EXISTS (SELECT FROM taken),
                 EXISTS (SELECT FROM jobs WHERE app = $1 AND origin = $2 AND kind = $3)
             FROM of_chat",
        )
        .await?;
    let key = &job.key;
    let bound = i64::try_from(bound).unwrap_or(i64::MAX);
    let row = client
        .query_one(
            &prepared,
            &[
                &key.app,
                &key.origin,
                &key.kind.as_str(),
                &job.chat,
                &now.as_millisecond(),
                &job.payload,
                &accepted_by,
                &bound,
                &key.reference(),
            ],
        )
        .await?;
    let (waiting, head): (i64, i64) = (row.get(0), row.get(1));
    let (is_new, is_known): (bool, bool) = (row.get(2), row.get(3));
    let (accepted, opened) = if is_new {
        (Accepted::New, true)
    } else if waiting < bound || is_known {
        (Accepted::Duplicate, false)
    } else if key.kind.is_notice() || key.kind == JobKind::Press {
        (Accepted::TooManyOfChat, false)
    } else {
        let outcome = Outcome::refused(Cause::TooManyWaiting);
        // It is ordered before all other jobs, so that it is answered at once.
        let notice = jobs::insert(&overflow(job, head), Timestamp::UNIX_EPOCH, Some(&outcome));
        let inserted = executor::execute(client, &notice).await?;
        (Accepted::TooManyOfChat, inserted > 0)
    };
    Ok(Acceptance {
        accepted,
        opened: usize::from(opened),
    })
}

/// What was there to claim.
pub(super) enum Claimed {
    Row(Box<Row>),
    /// Nothing before then, or before the next change.
    NothingUntil {
        at: Option<i64>,
        /// Whether there is something for another bot, that has not let it lie yet.
        is_anothers_press: bool,
    },
    /// Another bot was faster at the same chat.
    Again,
}

/// Takes the first ready job that may run: whatever another bot is just claiming
/// is passed over, and so is what stands behind another job of its chat. Two jobs
/// of one chat can be claimed at the same moment only if the earlier one was
/// committed late; then the index of running jobs lets one of them through.
///
/// Both questions about the chat end in `LIMIT 1`, so that they are asked of one job
/// after the other by an index: without, the planner reads all that is open, once for
/// every claim.
///
/// Steps that only a later release knows are left to it, while both run.
const CLAIM: &str = "UPDATE jobs SET state = 'running', owner = $3,
         started_at = coalesce(started_at, $2)
     WHERE id = (
         SELECT job.id FROM jobs job
         WHERE job.app = $1 AND job.state = 'ready' AND job.ordered_at <= $2 AND job.run_at <= $2
           AND job.kind = ANY ($5)
           AND (job.kind <> 'press' OR job.accepted_by = $3 OR job.ordered_at <= $2 - $4)
           AND job.id = (
               SELECT head.id FROM jobs head
               WHERE head.app = job.app AND head.chat = job.chat
                 AND head.state IN ('ready', 'running')
               ORDER BY head.ordered_at, head.id LIMIT 1)
           AND (job.kind = 'overflow' OR (
               SELECT busy.id FROM jobs busy
               WHERE busy.app = job.app AND busy.chat = job.chat
                 AND busy.state = 'running' AND busy.kind <> 'overflow'
               LIMIT 1) IS NULL)
         ORDER BY job.ordered_at, job.id LIMIT 1
         FOR UPDATE SKIP LOCKED)
     RETURNING id, app, origin, kind, chat, payload, ordered_at, started_at, retries, crashes,
         suspicions, begun, progress, outcome, replying_since, acknowledgement";

/// When there may be something to claim: planned work that is due, a job to be
/// tried again, a press whose accepted_by has let it lie.
const NEXT_RUN: &str = "SELECT min(at), bool_or(is_press AND at IS NOT NULL) FROM (
         SELECT min(ordered_at) AS at, false AS is_press FROM jobs
         WHERE app = $1 AND state = 'ready' AND ordered_at > $2
         UNION ALL
         SELECT min(run_at), false FROM jobs
         WHERE app = $1 AND state = 'ready' AND ordered_at <= $2 AND run_at > $2
         UNION ALL
         SELECT min(ordered_at) + $3, true FROM jobs
         WHERE app = $1 AND state = 'ready' AND ordered_at <= $2 AND ordered_at > $2 - $3
           AND kind = 'press' AND accepted_by IS DISTINCT FROM $4) AS times";

pub(super) async fn claim(
    client: &impl GenericClient,
    app: &str,
    owner: i64,
    now: Timestamp,
) -> Result<Claimed, Error> {
    let now = now.as_millisecond();
    let left = i64::try_from(RESERVED.as_millis()).unwrap_or_default();
    let kinds: Vec<&str> = JobKind::all().map(JobKind::as_str).collect();
    let statement = client.prepare_cached(CLAIM).await?;
    let claimed = client
        .query_opt(&statement, &[&app, &now, &owner, &left, &kinds])
        .await;
    match claimed {
        Ok(Some(row)) => Ok(Claimed::Row(Box::new(row))),
        Ok(None) => {
            let statement = client.prepare_cached(NEXT_RUN).await?;
            let values: [&(dyn ToSql + Sync); 4] = [&app, &now, &left, &owner];
            let row = client.query_one(&statement, &values).await?;
            Ok(Claimed::NothingUntil {
                at: row.get(0),
                is_anothers_press: row.get(1),
            })
        }
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Claimed::Again),
        Err(error) => Err(error),
    }
}

/// Makes ready again what is this owner's and not among those in hand; says how many
/// that were.
pub(super) async fn requeue_orphaned(
    client: &impl GenericClient,
    owner: i64,
    claimed: &[i64],
) -> Result<u64, Error> {
    // It may have been begun: the next attempt has to know that it is not the first.
    let statement = client
        .prepare_cached(
            "UPDATE jobs SET state = 'ready', owner = NULL, alone = false, begun = true
             WHERE owner = $1 AND NOT id = ANY ($2)",
        )
        .await?;
    client.execute(&statement, &[&owner, &claimed]).await
}
