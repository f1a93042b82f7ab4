//! What runs beside the commands: a token is asked for at start, and the machine's clock is compared
//! with the platform's.

use std::future::pending;
use std::time::Duration;

use feishu::{Client, Clock};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::FeishuConfig;
use crate::credentials;

/// Clocks that differ by less are as good as equal: an answer took its time, and tells whole
/// seconds.
pub(crate) const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);
/// How often a clock that is off is reported.
const REPORT_CLOCK_EVERY: Duration = Duration::from_hours(1);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often missing access is reported.
const REPORT_ACCESS_EVERY: Duration = Duration::from_mins(10);
/// The first wait before another try, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Asks for a token until there is one, so that a wrong secret or an unreachable platform shows
/// before the first command does.
pub(crate) async fn get_access(
    config: FeishuConfig,
    client: Client,
    clock: Clock,
    stop: CancellationToken,
) {
    let attempts = async {
        let mut reported = None;
        let mut wait = WAITS.0;
        while let Err(error) = client.check_credentials().await {
            if is_due(&mut reported, REPORT_ACCESS_EVERY, &clock) {
                let problem = credentials::problem(&config, &error);
                tracing::error!(
                    error = problem.what,
                    remedy = problem.remedy,
                    "the platform gives the app no access token: no command can be carried out"
                );
            }
            let asked = error.retry_after().unwrap_or_default();
            clock.sleep(wait.max(asked)).await;
            wait = (2 * wait).min(WAITS.1);
        }
        if reported.is_some() {
            tracing::info!("the platform gives the app an access token");
        }
        // A background task that ends before the stop counts as a fault.
        pending::<()>().await;
    };
    stop.run_until_cancelled(attempts).await;
}

/// Reports a machine's clock that is off, and asks the platform for the time when it was set.
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
                    "this machine's clock differs from the platform's, whose time the bot goes by: set the clock, best by NTP"
                );
            }
            clock.sleep(LOOK_EVERY).await;
        }
    };
    stop.run_until_cancelled(Box::pin(watch)).await;
}

/// Whether something is to be reported again, which then counts as reported.
fn is_due(reported: &mut Option<Timestamp>, every: Duration, clock: &Clock) -> bool {
    let now = clock.machine_now();
    let age = |at: Timestamp| now.duration_since(at).unsigned_abs();
    let is_due = reported.is_none_or(|at| age(at) >= every);
    if is_due {
        *reported = Some(now);
    }
    is_due
}
