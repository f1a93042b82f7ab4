//! Explains why the app gets no access token.

use feishu::{Error, codes};

use crate::config::FeishuConfig;

/// Why the app gets no access token, and the remedy.
pub(crate) struct AccessProblem {
    /// Whether the platform rejected the app, rather than being unreachable.
    pub(crate) is_refusal: bool,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

/// Explains a failed request for a token.
pub(crate) fn explain(config: &FeishuConfig, error: &Error) -> AccessProblem {
    let url = config.platform();
    let app = &config.app_id;
    let log_id = log_id(error);
    let (what, remedy) = match error.code() {
        Some(code @ codes::UNKNOWN_APP) => (
            format!("{url} does not know the app `{app}` (code {code}{log_id})"),
            "set `FEISHU_APP_ID` to the App ID in \"Credentials & Basic Info\" of the developer console; if the app belongs to the other platform, set `FEISHU_REGION`",
        ),
        Some(code @ (codes::APP_UNAUTHORIZED | codes::WRONG_SECRET)) => (
            format!("the secret of `{app}` is wrong (code {code}{log_id})"),
            "set `FEISHU_APP_SECRET` to the App Secret in \"Credentials & Basic Info\" of the developer console; if it is correct, check there that the app is enabled, and whether it is a store app, which needs `FEISHU_APP_TYPE=store`",
        ),
        Some(code @ codes::TENANT_TOKEN_REFUSED) => (
            format!("{url} issues no token of `{app}` for the tenant (code {code}{log_id})"),
            "check in the tenant's admin console that it has installed the app; if not, `noticebot tenants forget` erases what is stored of it",
        ),
        Some(code) => (
            format!("{url} rejects the credentials (code {code}{log_id})"),
            "look up the code in the platform's list of general error codes",
        ),
        None if matches!(error, Error::InvalidResponse { .. }) => (
            format!("{url} does not respond like Feishu ({error})"),
            "check `FEISHU_BASE_URL`, and whether a proxy or firewall responds in place of the platform",
        ),
        None => (
            format!("{url} cannot be reached ({})", in_full(error)),
            "check the network, the proxy and `FEISHU_BASE_URL`; for a certificate of a private authority, set `NOTICEBOT_CA_FILE`",
        ),
    };
    AccessProblem {
        is_refusal: error.code().is_some(),
        what,
        remedy,
    }
}

/// An error with the platform's log id or its cause.
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
