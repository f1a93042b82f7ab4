//! The platform: whether it is there, lets the app in, and has its clock where ours is.

use std::sync::Arc;

use feishu::{BotInfo, CallRecord, Client, Clock};
use jiff::SignedDuration;

use super::Report;
use crate::config::Config;
use crate::credentials::{self, in_full};
use crate::{background, platform};

/// A client, and the clock that learns from its calls.
pub(super) struct Platform {
    pub(super) client: Client,
    clock: Clock,
}

impl Platform {
    pub(super) fn new(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        let clock = clock.uncorrected();
        let on_call = |_: &CallRecord<'_>| {};
        let client = platform::client(config, clock.clone(), Arc::new(on_call), None)?;
        Ok(Self { client, clock })
    }
}

/// Whether the platform lets the app in.
pub(super) async fn credentials(report: &mut Report, config: &Config, platform: &Platform) -> bool {
    let url = config.feishu.platform();
    let app = &config.feishu.app_id;
    let Err(error) = platform.client.check_credentials().await else {
        report.good("credentials", format!("{url} accepts those of `{app}`"));
        return true;
    };
    let problem = credentials::problem(&config.feishu, &error);
    let name = if problem.is_refusal {
        "credentials"
    } else {
        "platform"
    };
    report.bad(name, problem.what, problem.remedy);
    false
}

/// Whether the machine's clock is right. The bot corrects itself by the platform's, once it has an
/// answer.
pub(super) fn clock(report: &mut Report, platform: &Platform) {
    const NAME: &str = "clock";
    const REMEDY: &str = "set the machine's clock, best by NTP";
    let Some(offset) = platform.clock.offset() else {
        report.note(NAME, "not compared: the platform's answers tell no time");
        return;
    };
    if offset.unsigned_abs() < background::CLOCK_TOLERANCE {
        report.good(NAME, "as the platform's");
    } else {
        // The offset counts from the middle of the second that a date tells.
        let by = in_words(SignedDuration::from_millis(500) - offset);
        let text = format!("{by} the platform's; the bot goes by the platform's time");
        report.hint(NAME, text, REMEDY);
    }
}

fn in_words(ahead: SignedDuration) -> String {
    let whole = SignedDuration::from_secs(ahead.unsigned_abs().as_secs().cast_signed());
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    format!("{whole:#} {side}")
}

/// Whether the app is a bot that works.
pub(super) async fn bot(report: &mut Report, client: &Client) {
    const NAME: &str = "bot";
    const REMEDY: &str = "add the feature \"Bot\" in the developer console, then create a version, and have it approved";
    match client.bot_info().await {
        Ok(info) if info.activate_status == BotInfo::ACTIVE => {
            report.good(NAME, format!("`{}` is active", info.app_name));
        }
        Ok(info) => report.bad(
            NAME,
            format!("not active, its status is {}", info.activate_status),
            REMEDY,
        ),
        Err(error) => report.bad(NAME, format!("not found ({})", in_full(&error)), REMEDY),
    }
}
