//! Why the platform gives the app no token, and what its admin has to do.

use feishu::{Error, codes};

use crate::config::FeishuConfig;

/// What keeps the app out.
pub(crate) struct Problem {
    /// Whether the platform answered and refused the app, rather than not answering at all.
    pub(crate) is_refusal: bool,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

/// What a failed request for a token means.
pub(crate) fn problem(config: &FeishuConfig, error: &Error) -> Problem {
    let url = config.platform();
    let app = &config.app_id;
    let log_id = log_id(error);
    let (what, remedy) = match error.code() {
        Some(code @ codes::UNKNOWN_APP) => (
            format!("{url} knows no app `{app}` (code {code}{log_id})"),
            "take the App ID from \"Credentials & Basic Info\" in the developer console and set `FEISHU_APP_ID`; if the app lives on the other platform, set `FEISHU_REGION`",
        ),
        Some(code @ (codes::APP_UNAUTHORIZED | codes::WRONG_SECRET)) => (
            format!("the secret of `{app}` is wrong (code {code}{log_id})"),
            "take the App Secret from \"Credentials & Basic Info\" in the developer console and set `FEISHU_APP_SECRET`; if it is right, see there whether the app is enabled",
        ),
        Some(code) => (
            format!("{url} refuses them (code {code}{log_id})"),
            "look the code up in the platform's list of general error codes",
        ),
        None if matches!(error, Error::InvalidResponse { .. }) => (
            format!("{url} does not answer like Feishu ({error})"),
            "check `FEISHU_BASE_URL`, and whether a proxy or firewall answers in the platform's place",
        ),
        None => (
            format!("{url} cannot be reached ({})", in_full(error)),
            "check the network, the proxy and `FEISHU_BASE_URL`; for a certificate by an authority of your own, set `NOTICEBOT_CA_FILE`",
        ),
    };
    Problem {
        is_refusal: error.code().is_some(),
        what,
        remedy,
    }
}

/// An error with the platform's id of the answer, or with its cause.
pub(crate) fn in_full(error: &Error) -> String {
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
