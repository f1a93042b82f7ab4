//! The device flow: from the link to the app.

use feishu::{
    AppId, Brand, Clock, Error, LinkOptions, NewApp, Registration, RegistrationConfig,
    RegistrationPoll,
};
use tokio_util::sync::CancellationToken;

use super::addons;
use super::error::SetupError;
use super::options::SetupOptions;
use super::output::{Output, Step};
use crate::config::{Config, Region};
use crate::credentials::in_full;

/// Names this program in the link.
const SOURCE: &str = "noticebot";

/// The accounts hosts of the public platforms.
const FEISHU: &str = "https://accounts.feishu.cn";
const LARK: &str = "https://accounts.larksuite.com";

pub(super) async fn create_app(
    config: &Config,
    clock: &Clock,
    options: &SetupOptions,
    stop: &CancellationToken,
    output: &mut Output<'_>,
) -> anyhow::Result<NewApp> {
    let host = accounts(config).0;
    let registration = Registration::begin(registration_config(config, clock)?).await;
    let mut registration = registration.map_err(|error| no_link(&host, &error))?;
    let app_id = options.app_id.as_deref().map(AppId::new);
    let link = registration.link(&LinkOptions {
        source: SOURCE,
        addons: addons::addons(config),
        app_id: app_id.as_ref(),
        at_lark: options.lark || config.feishu.region == Region::Lark,
    });
    output.print(&Step::Link {
        url: link.as_str(),
        expires_in: registration.expires_in().as_secs(),
    })?;
    let app = poll(&mut registration, clock, stop).await?;
    if let Some(expected) = app_id.filter(|expected| *expected != app.app_id) {
        return Err(SetupError::failed(
            format!(
                "the app `{}` was confirmed instead of `{expected}`, and nothing was written",
                app.app_id
            ),
            "start again, and confirm the app that the page shows",
        )
        .into());
    }
    output.print(&Step::Confirmed {
        app_id: app.app_id.as_str(),
        brand: match app.brand {
            Brand::Feishu => "feishu",
            Brand::Lark => "lark",
        },
    })?;
    Ok(app)
}

fn registration_config(config: &Config, clock: &Clock) -> anyhow::Result<RegistrationConfig> {
    let (accounts_url, lark_accounts_url) = accounts(config);
    Ok(RegistrationConfig {
        accounts_url,
        lark_accounts_url,
        clock: clock.uncorrected(),
        timeout: config.feishu.timeout,
        extra_roots: config.tls.extra_roots()?,
    })
}

/// Feishu's host and Lark's. The flow begins at Feishu's for both; a private deployment has one host.
fn accounts(config: &Config) -> (String, String) {
    match config.feishu.accounts() {
        public if public == FEISHU || public == LARK => (FEISHU.to_owned(), LARK.to_owned()),
        own => (own.clone(), own),
    }
}

/// Time is the sum of the waits: the platform knows when the link expires, and a set clock must not
/// end the flow.
async fn poll(
    registration: &mut Registration,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<NewApp, SetupError> {
    let (mut left, mut last_error) = (registration.expires_in(), None);
    loop {
        let wait = registration.interval();
        let waited = stop.run_until_cancelled(clock.sleep(wait)).await;
        waited.ok_or_else(stopped)?;
        // Not interrupted, because the secret may be returned only once.
        match registration.poll().await {
            Ok(RegistrationPoll::Confirmed(app)) => return Ok(app),
            Ok(RegistrationPoll::Pending) => last_error = None,
            Ok(RegistrationPoll::Refused) => return Err(refused()),
            Ok(RegistrationPoll::Expired) => return Err(expired(last_error.as_ref())),
            Ok(RegistrationPoll::WithoutSecret(app_id)) => return Err(without_secret(&app_id)),
            Err(error) if error.is_retryable() => last_error = Some(error),
            Err(error) => return Err(broken(&error)),
        }
        left = left.saturating_sub(wait);
        if left.is_zero() {
            return Err(expired(last_error.as_ref()));
        }
    }
}

fn no_link(host: &str, error: &Error) -> SetupError {
    match error {
        Error::Api(_) => SetupError::failed(
            format!(
                "{host} does not create apps for programs ({})",
                in_full(error)
            ),
            "create the app by hand; docs/SETUP.md has the steps",
        ),
        Error::InvalidResponse { .. } => SetupError::failed(
            format!("{host} does not respond like Feishu ({})", in_full(error)),
            "check `FEISHU_ACCOUNTS_URL` and `FEISHU_BASE_URL`, and whether a proxy or firewall responds in place of the platform",
        ),
        Error::BaseUrl(_) => SetupError::misuse(
            format!("`{host}` is not the address of an accounts host"),
            "correct `FEISHU_ACCOUNTS_URL` or `FEISHU_BASE_URL`",
        ),
        _ => SetupError::failed(
            format!("{host} cannot be reached ({})", in_full(error)),
            "check the network and the proxy, which `HTTPS_PROXY` names; for a certificate of a private authority, set `NOTICEBOT_CA_FILE`",
        ),
    }
}

fn stopped() -> SetupError {
    SetupError::failed(
        "stopped before anybody confirmed the app",
        "start again; do not confirm the link that was shown, because nothing would use that app",
    )
}

fn refused() -> SetupError {
    SetupError::failed(
        "the person who opened the link refused",
        "start again, and have somebody confirm who may create apps in your organization",
    )
}

fn expired(last_error: Option<&Error>) -> SetupError {
    match last_error {
        None => SetupError::failed(
            "the link has expired, or somebody has already used it",
            "start again, and confirm the new link",
        ),
        Some(error) => SetupError::failed(
            format!(
                "the result could not be fetched before the link expired ({})",
                in_full(error)
            ),
            "check the network, and start again; if an app was created, continue with `--app-id`",
        ),
    }
}

fn without_secret(app_id: &AppId) -> SetupError {
    SetupError::failed(
        format!("the app `{app_id}` authenticates with a private key and has no secret"),
        "start again, and confirm a new app",
    )
}

fn broken(error: &Error) -> SetupError {
    SetupError::failed(
        format!("Feishu ended the set-up ({})", in_full(error)),
        "start again; if it happens again, create the app by hand; docs/SETUP.md has the steps",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_flow_begins_at_feishus_host() {
        let hosts = |environment: &[(&str, &str)]| {
            let environment = environment.iter().copied().collect::<Environment>();
            accounts(&Config::read(None, &environment).unwrap())
        };
        let public = (FEISHU.to_owned(), LARK.to_owned());
        assert_eq!(hosts(&[]), public);
        assert_eq!(hosts(&[("FEISHU_REGION", "lark")]), public);
        let own = "https://accounts.example.com".to_owned();
        let private = hosts(&[("FEISHU_ACCOUNTS_URL", "https://accounts.example.com/")]);
        assert_eq!(private, (own.clone(), own));
        let base = "http://127.0.0.1:1".to_owned();
        assert_eq!(
            hosts(&[("FEISHU_BASE_URL", &base)]),
            (base.clone(), base.clone())
        );
    }
}
