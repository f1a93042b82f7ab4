//! The bots on one database: each holds a lease, renews it, and takes over what
//! those leave behind whose lease is over.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use tokio_postgres::Error;

use crate::store::job::SUSPECT;

/// How long a lease is good for. It is counted by the server's clock, from the
/// last renewal on; so what a dead bot was at goes on within this time.
pub(super) const LEASE: Duration = Duration::from_secs(9);
/// How often it is renewed.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(1);

fn lease() -> f64 {
    LEASE.as_secs_f64()
}

/// A new bot on the app's jobs; its number.
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

/// What renewing a lease has come to.
pub(super) enum Renewed {
    /// It is good again. The next lease of another bot ends after that time.
    Extended {
        next_end: Option<Duration>,
        /// How many bots there are, this one included.
        bots: usize,
    },
    /// It was found over, and the jobs were taken over.
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

/// Makes ready again what those were at whose lease is over; says how many jobs
/// that were.
///
/// Where a bot was at one job, its end is taken for that job's crash; where it was
/// at several, each is a suspect. One that is suspected twice waits before it is
/// tried alone, each time for longer.
///
/// A renewal and this wait for each other at the row, and a claim under a lease
/// that is gone fails at its reference to it, so a job never stays with nobody.
pub(super) async fn take_over(client: &impl GenericClient, app: &str) -> Result<u64, Error> {
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
                     ELSE greatest(run_at, extract(epoch FROM clock_timestamp())::bigint * 1000
                         + (1000 << least(suspicions + 1 + crashes - $2, 6)::integer)) END
             FROM blamed WHERE jobs.id = blamed.id",
        )
        .await?;
    let suspect = i64::from(SUSPECT);
    client.execute(&statement, &[&app, &suspect]).await
}

/// Ends a lease; what was still at work under it is ready again.
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

/// Writes, to show that it can be done; whether the lease is still there.
pub(super) async fn probe(client: &impl GenericClient, owner: i64) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE replicas SET probed_at = clock_timestamp() WHERE id = $1")
        .await?;
    Ok(client.execute(&statement, &[&owner]).await? > 0)
}
