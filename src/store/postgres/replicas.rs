//! The replicas of an app: each holds a lease and renews it, and takes over the jobs of those whose
//! lease expired.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Error;

use crate::store::job::SUSPECT;

/// Duration of a lease by the server's clock, counted from the last renewal: the jobs of a crashed
/// replica are taken over within this time.
pub(super) const LEASE: Duration = Duration::from_secs(9);
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(1);

fn lease() -> f64 {
    LEASE.as_secs_f64()
}

/// Registers a replica; returns its id.
pub(super) async fn register(client: &impl GenericClient, app: &str) -> Result<i64, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO replicas (app, lease_until)
             VALUES ($1, clock_timestamp() + make_interval(secs => $2)) RETURNING id",
        )
        .await?;
    let row = client.query_one(&statement, &[&app, &lease()]).await?;
    Ok(row.get(0))
}

/// The result of a renewal.
pub(super) enum Renewed {
    /// `next_end` is the time until the next lease of another replica expires.
    Extended {
        next_end: Option<Duration>,
        /// Number of replicas, including this one.
        bots: usize,
    },
    /// It has expired, and the jobs were taken over.
    Lost,
}

pub(super) async fn renew(
    client: &impl GenericClient,
    app: &str,
    owner: i64,
) -> Result<Renewed, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE replicas SET lease_until = clock_timestamp() + make_interval(secs => $3)
             WHERE id = $2
             RETURNING (
                 SELECT extract(epoch FROM min(lease_until) - clock_timestamp())::float8
                 FROM replicas WHERE app = $1 AND id <> $2),
                 (SELECT count(*) FROM replicas WHERE app = $1)",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&app, &owner, &lease()])
        .await?;
    Ok(match row {
        Some(row) => {
            let seconds: Option<f64> = row.get(0);
            let seconds = seconds.map(|seconds| seconds.clamp(0.0, lease()));
            Renewed::Extended {
                next_end: seconds.map(Duration::from_secs_f64),
                bots: usize::try_from(row.get::<_, i64>(1)).unwrap_or_default(),
            }
        }
        None => Renewed::Lost,
    })
}

/// Requeues the jobs of replicas whose lease expired; returns how many.
///
/// A replica's only running job is blamed for the crash; of several jobs, each is a suspect. A job
/// that was suspected twice runs alone, after a growing delay.
///
/// A renewal and this statement lock the same row, and a claim under an expired lease violates the
/// foreign key, so no job stays orphaned.
///
/// Leases follow the server's clock, but jobs that of the bots.
pub(super) async fn take_over(
    client: &impl GenericClient,
    app: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH gone AS (
                 DELETE FROM replicas WHERE app = $1 AND lease_until < clock_timestamp()
                 RETURNING id),
             blamed AS (
                 SELECT left_behind.id, (left_behind.alone
                     OR count(*) OVER (PARTITION BY left_behind.owner) = 1)::integer AS own
                 FROM jobs AS left_behind, gone WHERE left_behind.owner = gone.id)
             UPDATE jobs SET state = 'ready', owner = NULL, begun = true, alone = false,
                 crashes = crashes + own, suspicions = suspicions + 1 - own,
                 run_at = CASE WHEN suspicions + 1 - own < $2 THEN run_at
                     ELSE greatest(run_at, $3::bigint + (
                         1000 << least(suspicions + 1 + crashes - $2, 6)::integer)) END
             FROM blamed WHERE jobs.id = blamed.id",
        )
        .await?;
    let suspect = i64::from(SUSPECT);
    client
        .execute(&statement, &[&app, &suspect, &now.as_millisecond()])
        .await
}

/// Ends a lease and requeues its jobs.
pub(super) async fn unregister(client: &impl GenericClient, owner: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH gone AS (DELETE FROM replicas WHERE id = $1 RETURNING id)
             UPDATE jobs SET state = 'ready', owner = NULL, begun = true, alone = false
             FROM gone WHERE jobs.owner = gone.id",
        )
        .await?;
    client.execute(&statement, &[&owner]).await
}

/// Tests that a write succeeds; returns whether the lease still exists.
pub(super) async fn probe(client: &impl GenericClient, owner: i64) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE replicas SET probed_at = clock_timestamp() WHERE id = $1")
        .await?;
    Ok(client.execute(&statement, &[&owner]).await? > 0)
}
