//! Configuration of the bot for the simulated Feishu.

use std::collections::BTreeMap;
use std::time::Duration;

use feishu_sim::{App, Simulator};
use noticebot::config::GroupLists;

/// The timeout of an API call; short, because people watch the bot wait.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Environment variables for a bot that uses this simulator and listens on these two addresses.
pub(crate) fn variables(
    sim: &Simulator,
    [public, admin]: [String; 2],
    database: String,
) -> Vec<(&'static str, String)> {
    let App {
        app_id,
        app_secret,
        encrypt_key,
        verification_token,
        ..
    } = sim.app();
    vec![
        ("FEISHU_APP_ID", app_id),
        ("FEISHU_APP_SECRET", app_secret),
        ("FEISHU_ENCRYPT_KEY", encrypt_key.unwrap_or_default()),
        ("FEISHU_VERIFICATION_TOKEN", verification_token),
        ("FEISHU_BASE_URL", sim.base_url()),
        ("NOTICEBOT_LISTEN", public),
        ("NOTICEBOT_ADMIN_LISTEN", admin),
        ("NOTICEBOT_DATABASE_URL", database),
    ]
}

/// A configuration file with these lists of groups.
pub(crate) fn file(groups: &GroupLists) -> Result<String, toml::ser::Error> {
    toml::to_string(&BTreeMap::from([("groups", groups)]))
}
