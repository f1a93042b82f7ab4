//! Checks the credentials, the clock and the bot feature.

use std::sync::Arc;

use feishu::{BotInfo, CallRecord, Client, Clock, codes};
use jiff::SignedDuration;

use super::Report;
use super::console::Page;
use crate::config::Config;
use crate::credentials::{self, in_full};
use crate::{background, platform};

/// A client, and the clock that its calls correct.
pub(super) struct Probe {
    pub(super) client: Client,
    clock: Clock,
}

impl Probe {
    pub(super) fn new(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        let clock = clock.uncorrected();
        let on_call = |_: &CallRecord<'_>| {};
        let client = platform::client(config, clock.clone(), Arc::new(on_call), None, None)?;
        Ok(Self { client, clock })
    }
}

/// Whether the platform accepts the app.
pub(super) async fn credentials(report: &mut Report, config: &Config, client: &Client) -> bool {
    let url = config.feishu.platform();
    let app = &config.feishu.app_id;
    let Err(error) = client.check_credentials().await else {
        report.good(
            "credentials",
            format!("{url} accepts the credentials of `{app}`"),
        );
        return true;
    };
    let problem = credentials::explain(&config.feishu, &error);
    let name = if problem.is_refusal {
        "credentials"
    } else {
        "platform"
    };
    report.bad(name, problem.what, problem.remedy);
    match error.code() {
        Some(codes::UNKNOWN_APP) => report.link(Page::Apps),
        Some(codes::APP_UNAUTHORIZED | codes::WRONG_SECRET) => report.link(Page::App),
        _ => {}
    }
    false
}

pub(super) fn clock(report: &mut Report, platform: &Probe) {
    const NAME: &str = "clock";
    const REMEDY: &str = "synchronize the machine's clock, for example with NTP";
    let Some(offset) = platform.clock.offset() else {
        report.note(
            NAME,
            "not checked, because the platform's responses have no date",
        );
        return;
    };
    if offset.unsigned_abs() < background::CLOCK_TOLERANCE {
        report.good(NAME, "matches the platform's");
    } else {
        // Dates have a resolution of a second, so the offset was measured from its middle.
        let by = offset_text(SignedDuration::from_millis(500) - offset);
        let text = format!("{by} the platform's; the bot uses the platform's time");
        report.hint(NAME, text, REMEDY);
    }
}

fn offset_text(ahead: SignedDuration) -> String {
    let whole = SignedDuration::from_secs(ahead.unsigned_abs().as_secs().cast_signed());
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    format!("{whole:#} {side}")
}

/// Whether the app has an active bot.
pub(super) async fn bot(report: &mut Report, client: &Client) {
    const NAME: &str = "bot";
    const REMEDY: &str = "add the feature \"Bot\" in the developer console, then create a version and have it approved";
    match client.bot_info().await {
        Ok(info) if info.activate_status == BotInfo::ACTIVE => {
            report.good(NAME, format!("`{}` is active", info.app_name));
            return;
        }
        Ok(info) => report.bad(
            NAME,
            format!("not active (status {})", info.activate_status),
            REMEDY,
        ),
        Err(error) => report.bad(NAME, format!("not found ({})", in_full(&error)), REMEDY),
    }
    report.link(Page::App);
}
