//! Accepts, claims and requeues jobs. Callers manage transactions.
//!
//! Columns are listed explicitly, so that statements keep working when a later release adds
//! columns.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::model::job::{JobKind, NewJob};
use crate::store::postgres::executor;
use crate::store::statements::jobs;
use crate::store::{Accepted, Claimable};

/// How long a card callback is reserved for the replica that received it, whose response the
/// platform waits for.
const RESERVED_FOR: Duration = Duration::from_secs(3);

/// The result of accepting a job.
pub(super) struct Acceptance {
    pub(super) accepted: Accepted,
    /// Number of inserted rows.
    pub(super) opened: usize,
}

/// Queues a job, unless it is known or its chat has `bound` open jobs.
pub(super) async fn accept(
    client: &impl GenericClient,
    job: &NewJob,
    bound: usize,
    accepted_by: i64,
    now: Timestamp,
) -> Result<Acceptance, Error> {
    // Jobs keep their order even if the clock went backwards.
    let prepared = client
        .prepare_cached(
            "WITH of_chat AS (
                 SELECT count(*) AS waiting, min(id) AS head, max(ordered_at) AS last_ordered_at FROM jobs
                 WHERE app = $1 AND tenant = $10 AND chat = $4 AND kind = $3
                     AND state IN ('ready', 'running')),
             inserted AS (
                 INSERT INTO jobs (app, tenant, origin, kind, chat, ordered_at, run_at, payload, accepted_by, reference, trace)
                 SELECT $1, $10, $2, $3, $4, greatest($5, last_ordered_at), greatest($5, last_ordered_at), $6, $7, $9, $11
                 FROM of_chat WHERE waiting < $8
                 ON CONFLICT DO NOTHING RETURNING 1)
             SELECT waiting, coalesce(head, 0), EXISTS (SELECT FROM inserted),
                 EXISTS (SELECT FROM jobs
                     WHERE app = $1 AND tenant = $10 AND origin = $2 AND kind = $3)
             FROM of_chat",
        )
        .await?;
    let key = &job.key;
    let bound = i64::try_from(bound).unwrap_or(i64::MAX);
    let row = client
        .query_one(
            &prepared,
            &[
                &key.tenant.app,
                &key.origin,
                &key.kind.as_str(),
                &job.chat,
                &now.as_millisecond(),
                &job.payload,
                &accepted_by,
                &bound,
                &key.reference(),
                &key.tenant.key.as_str(),
                &job.trace.map(|trace| trace.to_string()),
            ],
        )
        .await?;
    let (waiting, head): (i64, i64) = (row.get(0), row.get(1));
    let (is_new, is_known): (bool, bool) = (row.get(2), row.get(3));
    let (accepted, opened) = if is_new {
        (Accepted::New, true)
    } else if waiting < bound || is_known {
        (Accepted::Duplicate, false)
    } else {
        let inserted = match jobs::insert_overflow(job, head) {
            Some(notice) => executor::execute(client, &notice).await?,
            None => 0,
        };
        (Accepted::TooManyOfChat, inserted > 0)
    };
    Ok(Acceptance {
        accepted,
        opened: usize::from(opened),
    })
}

/// The result of an attempt to claim.
pub(super) enum Claimed {
    Row(Box<Row>),
    /// Nothing until then, or until the next change.
    NothingUntil {
        at: Option<i64>,
        /// Whether a callback is reserved for another replica.
        is_anothers_press: bool,
    },
    /// Another replica claimed a job of the same chat first.
    Again,
}

/// Claims the first runnable job, skipping jobs that other replicas are claiming and jobs behind
/// another one of their chat. Two jobs of one chat can be claimed at the same moment only if the
/// earlier one was committed late; then the unique index of running jobs rejects one of them.
///
/// Both subqueries about the chat end in `LIMIT 1`, so that each job is checked by index. Without
/// it, the planner reads all open jobs for every claim.
///
/// Kinds that only a later release knows are left to its replicas.
const CLAIM: &str = "UPDATE jobs SET state = 'running', owner = $3,
         started_at = coalesce(started_at, $2)
     WHERE id = (
         SELECT job.id FROM jobs job
         WHERE job.app = $1 AND job.state = 'ready' AND job.ordered_at <= $2 AND job.run_at <= $2
           AND job.kind = ANY ($5)
           AND ($6 OR job.kind NOT IN ('delivery', 'retraction'))
           AND (job.kind <> 'press' OR job.accepted_by = $3 OR job.ordered_at <= $2 - $4)
           AND job.id = (
               SELECT head.id FROM jobs head
               WHERE head.app = job.app AND head.tenant = job.tenant AND head.chat = job.chat
                 AND head.state IN ('ready', 'running')
               ORDER BY head.ordered_at, head.id LIMIT 1)
           AND (job.kind = 'overflow' OR (
               SELECT busy.id FROM jobs busy
               WHERE busy.app = job.app AND busy.tenant = job.tenant AND busy.chat = job.chat
                 AND busy.state = 'running' AND busy.kind <> 'overflow'
               LIMIT 1) IS NULL)
         ORDER BY job.ordered_at, job.id LIMIT 1
         FOR UPDATE SKIP LOCKED)
     RETURNING id, app, tenant, origin, kind, chat, payload, ordered_at, started_at, retries, crashes,
         suspicions, begun, progress, outcome, number, replying_since, acknowledgement,
         suspended_until, suspended_for IS NOT NULL AS waited_in_vain, trace";

/// When a job may become claimable: a schedule or retry is due, or a callback is no longer
/// reserved.
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
    claimable: Claimable,
    now: Timestamp,
) -> Result<Claimed, Error> {
    let all = claimable == Claimable::All;
    let now = now.as_millisecond();
    let left = i64::try_from(RESERVED_FOR.as_millis()).unwrap_or_default();
    let kinds: Vec<&str> = JobKind::all().map(JobKind::as_str).collect();
    let statement = client.prepare_cached(CLAIM).await?;
    let claimed = client
        .query_opt(&statement, &[&app, &now, &owner, &left, &kinds, &all])
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

/// Requeues the owner's jobs that are not in `claimed`; returns how many.
pub(super) async fn requeue_orphaned(
    client: &impl GenericClient,
    owner: i64,
    claimed: &[i64],
) -> Result<u64, Error> {
    // It may have started: the next attempt must know that it is not the first.
    let statement = client
        .prepare_cached(
            "UPDATE jobs SET state = 'ready', owner = NULL, alone = false, begun = true
             WHERE owner = $1 AND NOT id = ANY ($2)",
        )
        .await?;
    client.execute(&statement, &[&owner, &claimed]).await
}
