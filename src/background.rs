//! Background checks: access to the platform, and the machine's clock.

use std::future::pending;
use std::time::Duration;

use feishu::{Client, Clock};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::FeishuConfig;
use crate::credentials;

/// Smaller clock differences are ignored: responses take time and contain whole seconds.
pub(crate) const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);
/// Minimum time between warnings about the clock.
const REPORT_CLOCK_EVERY: Duration = Duration::from_hours(1);
/// Interval of clock checks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Minimum time between errors about missing access.
const REPORT_ACCESS_EVERY: Duration = Duration::from_mins(10);
/// The first and the longest back-off.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Requests a token until it succeeds, so that a wrong secret or an unreachable platform is logged
/// before the first command. With access, does once what was left for then.
pub(crate) async fn get_access(
    config: FeishuConfig,
    client: Client,
    clock: Clock,
    then: impl Future<Output = ()>,
    stop: CancellationToken,
) {
    let attempts = async {
        let mut reported = None;
        let mut wait = WAITS.0;
        while let Err(error) = client.check_credentials().await {
            if is_due(&mut reported, REPORT_ACCESS_EVERY, &clock) {
                let problem = credentials::explain(&config, &error);
                tracing::error!(
                    error = problem.what,
                    remedy = problem.remedy,
                    "could not get an access token: the bot cannot execute commands"
                );
            }
            let asked = error.retry_after().unwrap_or_default();
            clock.sleep(wait.max(asked)).await;
            wait = (2 * wait).min(WAITS.1);
        }
        if reported.is_some() {
            tracing::info!("got an access token");
        }
        then.await;
        // A background task that ends before the stop counts as a failure.
        pending::<()>().await;
    };
    stop.run_until_cancelled(attempts).await;
}

/// Warns about a wrong machine clock, and asks the platform for the time after the clock was set.
pub(crate) async fn watch_clock(client: Client, clock: Clock, stop: CancellationToken) {
    let watch = async {
        let mut reported = None;
        loop {
            if clock.was_set() && client.confirm_time().await.is_err() {
                tracing::debug!("could not ask the platform for the time");
            }
            let offset = clock.offset().unwrap_or_default();
            if offset.unsigned_abs() < CLOCK_TOLERANCE {
                reported = None;
            } else if is_due(&mut reported, REPORT_CLOCK_EVERY, &clock) {
                tracing::warn!(
                    seconds_ahead = -offset.as_secs(),
                    "this machine's clock differs from the platform's, which the bot uses: set the clock, preferably with NTP"
                );
            }
            clock.sleep(LOOK_EVERY).await;
        }
    };
    stop.run_until_cancelled(Box::pin(watch)).await;
}

/// Whether a report is due; records it.
fn is_due(reported: &mut Option<Timestamp>, every: Duration, clock: &Clock) -> bool {
    let now = clock.machine_now();
    let age = |at: Timestamp| now.duration_since(at).unsigned_abs();
    let is_due = reported.is_none_or(|at| age(at) >= every);
    if is_due {
        *reported = Some(now);
    }
    is_due
}
