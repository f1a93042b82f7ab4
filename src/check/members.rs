//! Checks what a bot needs to act as members.

use super::Report;
use super::store::StoreFacts;
use crate::config::{ActAs, Config};
use crate::consent::{self, GrantKeys, KeyAge};

const CONSENT: &str = "consent";
const SCOPES: &str = "user scopes";
const GRANTS: &str = "grants";

pub(super) async fn check(report: &mut Report, config: &Config, facts: &StoreFacts) {
    if config.feishu.act_as == ActAs::Bot {
        return;
    }
    match config.server.public_base() {
        Some(url) => report.note(
            CONSENT,
            format!(
                "by redirect; the developer console has to list `{}` under \"Redirect URLs\"",
                consent::redirect_uri(&url)
            ),
        ),
        None => report.note(CONSENT, "by device flow, because no public URL is set"),
    }
    let scopes = consent::user_scopes().join("`, `");
    report.note(
        SCOPES,
        format!("members are asked for `{scopes}`, which the app has to have as user scopes"),
    );
    grants(report, config, facts).await;
}

/// Reports how many members have consented, and the grants of other keys.
async fn grants(report: &mut Report, config: &Config, facts: &StoreFacts) {
    const NEXT: &str = "if this is not expected, set `NOTICEBOT_PREVIOUS_TOKEN_KEY` to the lost key; otherwise the bot asks these members again";
    let keys = consent::token_keys(&config.feishu).map(GrantKeys::new);
    let (Ok(keys), Some(grants)) = (keys, facts.grants().await) else {
        return report.note(GRANTS, "not counted, because the store cannot be read");
    };
    let ages: Vec<_> = grants
        .iter()
        .map(|(member, grant)| keys.age(member, grant))
        .collect();
    let count = |age| ages.iter().filter(|one| **one == age).count();
    report.good(GRANTS, format!("{} members have consented", grants.len()));
    if let previous @ 1.. = count(KeyAge::Previous) {
        report.note(
            GRANTS,
            format!("{previous} are encrypted with the previous token key; keep it until none is"),
        );
    }
    if let unknown @ 1.. = count(KeyAge::Unknown) {
        let text = format!("{unknown} are encrypted with an unknown token key");
        report.hint(GRANTS, text, NEXT);
    }
}
