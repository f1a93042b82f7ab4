//! Waits until an admin of the organization has approved the scopes.

use std::time::Duration;

use feishu::{Client, Clock};
use tokio_util::sync::CancellationToken;

use super::output::{Output, Step};
use crate::check::console::{Console, Page};
use crate::check::scopes::{self, Unapproved};
use crate::command::Scope;

/// The longest wait. An admin may take days; then `noticebot check` tells.
const LONGEST: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_secs(3);

/// How the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    Granted,
    NotGranted,
    Stopped,
}

/// Scopes that are not granted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Missing {
    scopes: Vec<&'static str>,
    /// Those among them that the app does not ask for.
    not_requested: Vec<&'static str>,
}

impl Missing {
    /// As long as the platform gives no list, all of them may be missing.
    async fn read(client: &Client) -> Self {
        let Ok(mut unapproved) = scopes::unapproved(client).await else {
            return Self {
                scopes: needed().map(Scope::as_str).collect(),
                not_requested: Vec::new(),
            };
        };
        unapproved.retain(|missing| needed().any(|scope| scope == missing.scope));
        let not_requested = unapproved.iter().filter(|missing| !missing.is_requested);
        let name = |missing: &Unapproved| missing.scope.as_str();
        Self {
            scopes: unapproved.iter().map(name).collect(),
            not_requested: not_requested.map(name).collect(),
        }
    }
}

/// The bot works without the others.
fn needed() -> impl Iterator<Item = Scope> {
    Scope::all().filter(|scope| !Scope::OPTIONAL.contains(scope))
}

pub(super) async fn wait(
    client: &Client,
    console: &Console,
    clock: &Clock,
    stop: &CancellationToken,
    output: &mut Output<'_>,
) -> std::io::Result<Approval> {
    let (mut left, mut shown) = (LONGEST, None);
    loop {
        let Some(missing) = stop.run_until_cancelled(Missing::read(client)).await else {
            return Ok(Approval::Stopped);
        };
        if missing == Missing::default() {
            output.print(&Step::Approved)?;
            return Ok(Approval::Granted);
        }
        if left.is_zero() {
            output.print(&Step::NotApproved)?;
            return Ok(Approval::NotGranted);
        }
        if shown.as_ref() != Some(&missing) {
            let names = missing.scopes.iter().map(|name| (*name).to_owned());
            let names: Vec<_> = names.collect();
            output.print(&Step::Waiting {
                scopes: missing.scopes.clone(),
                not_requested: missing.not_requested.clone(),
                url: console.link(Page::Scopes(&names)),
                at_most: left.as_secs(),
            })?;
            shown = Some(missing);
        }
        let waited = stop.run_until_cancelled(clock.sleep(INTERVAL)).await;
        if waited.is_none() {
            return Ok(Approval::Stopped);
        }
        left = left.saturating_sub(INTERVAL);
    }
}
