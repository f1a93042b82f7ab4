//! The platform: whether it is there, lets the app in, and has its clock where ours is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feishu::{BotInfo, CallRecord, Client, Clock, Error};
use jiff::{SignedDuration, Timestamp};

use super::Report;
use crate::config::Config;
use crate::server;
use crate::transport::webhook::MAX_AHEAD;

/// Clocks that differ by less are as good as equal: an answer took its time, and tells whole
/// seconds.
const NEGLIGIBLE: Duration = Duration::from_secs(30);

/// A client, and when its last answer came by either clock.
pub(super) struct Platform {
    pub(super) client: Client,
    answered: Arc<Mutex<Option<Answered>>>,
}

#[derive(Clone, Copy)]
struct Answered {
    /// By the platform's clock, if it said so.
    there: Option<Timestamp>,
    here: Timestamp,
}

impl Platform {
    pub(super) fn new(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let answered = Arc::new(Mutex::new(None));
        let note = Arc::clone(&answered);
        let ours = clock.clone();
        let on_call = move |call: &CallRecord<'_>| {
            let answered = Answered {
                there: call.answered_at,
                here: ours.now(),
            };
            *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
        };
        let client = server::client(config, clock, Arc::new(on_call), None)?;
        Ok(Self { client, answered })
    }
}

/// Whether the platform lets the app in.
pub(super) async fn credentials(report: &mut Report, config: &Config, platform: &Platform) -> bool {
    const NAME: &str = "credentials";
    let url = config.feishu.platform();
    let app = &config.feishu.app_id;
    let Err(error) = platform.client.check_credentials().await else {
        report.good(NAME, format!("{url} accepts those of `{app}`"));
        return true;
    };
    match error.code() {
        Some(10_003) => report.bad(
            NAME,
            format!("{url} knows no app `{app}` (code 10003{})", log_id(&error)),
            "take the App ID from \"Credentials & Basic Info\" in the developer console and set `FEISHU_APP_ID`; if the app lives on the other platform, set `FEISHU_REGION`",
        ),
        Some(code @ (10_014 | 10_015)) => report.bad(
            NAME,
            format!("the secret of `{app}` is wrong (code {code}{})", log_id(&error)),
            "take the App Secret from \"Credentials & Basic Info\" in the developer console and set `FEISHU_APP_SECRET`; if it is right, see there whether the app is enabled",
        ),
        Some(code) => report.bad(
            NAME,
            format!("{url} refuses them (code {code}{})", log_id(&error)),
            "look the code up in the platform's list of general error codes",
        ),
        None if matches!(error, Error::InvalidResponse { .. }) => report.bad(
            "platform",
            format!("{url} does not answer like Feishu ({error})"),
            "check `FEISHU_BASE_URL`",
        ),
        None => report.bad(
            "platform",
            format!("{url} cannot be reached ({})", in_full(&error)),
            "check the network, the proxy and `FEISHU_BASE_URL`; for a certificate by an authority of your own, set `NOTICEBOT_CA_FILE`",
        ),
    }
    false
}

/// Whether our clock is right enough for signatures and for the age of commands.
pub(super) fn clock(report: &mut Report, platform: &Platform) {
    const NAME: &str = "clock";
    const REMEDY: &str = "set the machine's clock, best by NTP";
    let answered = *platform
        .answered
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let Some(Answered {
        there: Some(there),
        here,
    }) = answered
    else {
        report.note(NAME, "not compared: the platform's answers tell no time");
        return;
    };
    let ahead = here.duration_since(there);
    let by = in_words(ahead);
    let apart = ahead.unsigned_abs();
    if apart < NEGLIGIBLE {
        report.good(NAME, "as the platform's");
    } else if apart < MAX_AHEAD {
        report.hint(NAME, format!("{by} the platform's"), REMEDY);
    } else {
        let text = format!("{by} the platform's, so what comes in counts as too old or too new");
        report.bad(NAME, text, REMEDY);
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

/// An error with the platform's id of the answer, or with what lies behind it.
pub(super) fn in_full(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(_) => format!("{:#}", anyhow::Error::from(error.clone())),
        None => format!("{error}{}", log_id(error)),
    }
}

fn log_id(error: &Error) -> String {
    error
        .log_id()
        .map_or_else(String::new, |id| format!(", log id {id}"))
}
