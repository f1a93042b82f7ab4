//! Scopes: each is tried by a call that can change nothing. It names a chat and a message that do
//! not exist, and the platform looks at scopes before it looks for those.

use std::collections::BTreeSet;

use feishu::codes::Class;
use feishu::{
    Block, BlockId, CardForm, ChatId, Client, CreateChildren, Error, IdType, MessageId, TopNotice,
};

use super::Report;
use crate::command::Scope;
use crate::config::{Config, FeishuConfig, Region};
use crate::credentials::in_full;

/// Ids of the right form that nothing has.
const NO_CHAT: &str = "oc_00000000000000000000000000000000";
const NO_MESSAGE: &str = "om_00000000000000000000000000000000";

/// What trying a scope has come to.
enum Tried {
    Granted,
    /// Any one of these would do.
    Missing(Vec<String>),
    /// Why nothing is known.
    Unknown(Error),
}

/// What the bot does, and what came of trying it.
type Trial = (&'static str, Tried);

/// Tries all that the bot calls, and says what it will hear.
pub(super) async fn check(report: &mut Report, config: &Config, client: &Client) {
    let trials = try_all(client).await;
    let of = |fits: fn(&Tried) -> bool| {
        let fitting = trials.iter().filter(|(_, tried)| fits(tried));
        let names: Vec<_> = fitting.map(|(what, _)| *what).collect();
        names.join(", ")
    };
    let granted = of(|tried| matches!(tried, Tried::Granted));
    if !granted.is_empty() {
        report.good("scopes", format!("granted for {granted}"));
    }
    // One line for each scope, whatever all is missing with it.
    let mut missing: Vec<(&[String], Vec<&str>)> = Vec::new();
    for (what, tried) in &trials {
        match tried {
            Tried::Granted => {}
            Tried::Missing(scopes) => match missing.iter_mut().find(|(same, _)| same == scopes) {
                Some((_, whats)) => whats.push(what),
                None => missing.push((scopes, vec![what])),
            },
            // The app is busy, and all is well with it.
            Tried::Unknown(error) if error.retry_after().is_some() => report.note(
                "scopes",
                format!("those for {what} were not tried ({})", in_full(error)),
            ),
            Tried::Unknown(error) => report.bad(
                "scopes",
                format!("those for {what} are not known ({})", in_full(error)),
                "see what stands above, and check again later",
            ),
        }
    }
    for (scopes, whats) in missing {
        let text = format!("{} lacks {}", whats.join(", "), one_of(scopes));
        report.bad("scopes", text, grant(&config.feishu, scopes));
    }
    heard(report, &config.feishu, client.list_scopes().await);
}

async fn try_all(client: &Client) -> Vec<Trial> {
    let mut trials = Vec::new();
    for scope in Scope::all() {
        trials.extend(try_one(client, scope).await);
    }
    trials
}

async fn try_one(client: &Client, scope: Scope) -> Vec<Trial> {
    let (chat, message) = (ChatId::from(NO_CHAT), MessageId::from(NO_MESSAGE));
    match scope {
        Scope::ReadChat => {
            let settings = client.get_chat(&chat, IdType::OpenId).await;
            vec![("reading a group's settings", Tried::of(settings))]
        }
        Scope::WriteTopNotice => {
            let put = client.put_top_notice(&chat, TopNotice::Message(&message));
            vec![("putting something at the top", Tried::of(put.await))]
        }
        Scope::ReadAnnouncement => {
            let new = client.get_docx_announcement(&chat).await;
            let old = client.get_announcement(&chat).await;
            vec![
                ("reading an announcement's kind", Tried::of(new)),
                ("reading an announcement of the old kind", Tried::of(old)),
            ]
        }
        Scope::WriteAnnouncement => {
            let old = client.patch_announcement(&chat, 0, &[]).await;
            let nothing = CreateChildren::<Block> {
                parent: &BlockId::new(NO_CHAT),
                index: 0,
                children: &[],
                revision_id: -1,
                client_token: "",
            };
            let new = client.create_docx_children(&chat, nothing).await;
            vec![
                ("writing an announcement of the old kind", Tried::of(old)),
                ("writing an announcement of the new kind", Tried::of(new)),
            ]
        }
        Scope::ReadMessage => {
            let read = client.get_message(&message, CardForm::Plain).await;
            vec![("reading a message", Tried::of(read))]
        }
        Scope::Send => {
            let reply = client.reply(&message, "noticebot", "").await;
            vec![("replying", Tried::of(reply))]
        }
        Scope::React => {
            let reaction = client.add_reaction(&message, "DONE").await;
            vec![("reacting", Tried::of(reaction))]
        }
        // No call needs them: `heard` looks for them in the list of scopes.
        Scope::HearMentions | Scope::HearGroups | Scope::HearDirect => Vec::new(),
    }
}

impl Tried {
    /// The chat and the message do not exist, so any refusal but some comes from behind the check
    /// of scopes.
    fn of<T>(result: Result<T, Error>) -> Self {
        match result {
            Err(Error::Api(api)) if Error::from(api.clone()).is_scope_missing() => {
                Self::Missing(api.missing_scopes.into_vec())
            }
            Err(error) if says_nothing_of_scopes(&error) => Self::Unknown(error),
            _ => Self::Granted,
        }
    }
}

/// Whether a refusal came before the platform looked at scopes, or tells that
/// the bot cannot work at all.
fn says_nothing_of_scopes(error: &Error) -> bool {
    error.is_retryable()
        || error.is_app_refused()
        || error.code().is_none()
        || error.class() == Some(Class::BotUnavailable)
}

/// Whether a plain command is heard, or only one that mentions the bot (official page
/// `im-v1/message/events/receive`).
fn heard(report: &mut Report, config: &FeishuConfig, listed: Result<Vec<feishu::Scope>, Error>) {
    const NAME: &str = "group messages";
    let granted: BTreeSet<String> = match listed {
        Ok(scopes) => {
            let granted = scopes
                .into_iter()
                .filter(|scope| scope.grant_status == feishu::Scope::GRANTED);
            granted.map(|scope| scope.scope_name).collect()
        }
        Err(error) => {
            report.hint(
                NAME,
                format!("whether plain `/pin` is heard, or only `@bot /pin`, is not known ({})", in_full(&error)),
                "see under \"Permissions & Scopes\" in the developer console: the first takes `im:message.group_msg`, the second `im:message.group_at_msg:readonly`",
            );
            return;
        }
    };
    let has =
        |scope: &str| granted.contains(scope) || granted.contains(&format!("{scope}:readonly"));
    heard_directly(report, has);
    if has("im:message.group_msg") {
        report.good(NAME, "plain `/pin` is heard, and so is `@bot /pin`");
    } else if has("im:message.group_at_msg") {
        report.hint(
            NAME,
            "only `@bot /pin` is heard, plain `/pin` is not",
            format!(
                "tell the members, or {}",
                grant(config, &["im:message.group_msg".to_owned()])
            ),
        );
    } else {
        let either = ["im:message.group_msg", "im:message.group_at_msg:readonly"];
        let either = either.map(str::to_owned);
        report.bad(
            NAME,
            format!("none is heard, as {} is lacking", one_of(&either)),
            grant(config, &either),
        );
    }
}

/// Direct messages are of little use, so that this is all that is said of them.
fn heard_directly(report: &mut Report, has: impl Fn(&str) -> bool) {
    if !has("im:message.p2p_msg") {
        report.hint(
            "direct messages",
            "none is heard, not even `/help`",
            "grant `im:message.p2p_msg:readonly` if members are to ask the bot directly",
        );
    }
}

fn one_of(scopes: &[String]) -> String {
    let quoted: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    quoted.join(" or ")
}

/// Where to ask for a scope. The form of the link is the platform's own, as its refusals and its
/// command line (`larksuite/cli`) have it.
fn grant(config: &FeishuConfig, scopes: &[String]) -> String {
    let page = match (config.base_url.as_str(), config.region) {
        ("", Region::Feishu | Region::Lark) => {
            let (console, app) = (config.platform(), &config.app_id);
            let scopes = scopes.join(",");
            format!(" at {console}/app/{app}/auth?q={scopes}&op_from=openapi&token_type=tenant")
        }
        _ => " in the developer console".to_owned(),
    };
    let it = if let [_] = scopes {
        "it"
    } else {
        "one of them"
    };
    format!("grant {it}{page}, then create a version, and have it approved")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn a_missing_scope_is_asked_for_on_the_page_of_the_app() {
        let page = |region: &str, base_url: &str| {
            let environment = [
                ("FEISHU_APP_ID", "cli_1"),
                ("FEISHU_REGION", region),
                ("FEISHU_BASE_URL", base_url),
            ];
            let environment = Environment::from_iter(environment);
            let config = Config::read(None, &environment).unwrap();
            grant(
                &config.feishu,
                &["im:chat".to_owned(), "im:chat:read".to_owned()],
            )
        };
        for (region, host) in [("feishu", "open.feishu.cn"), ("lark", "open.larksuite.com")] {
            let link = format!(
                "https://{host}/app/cli_1/auth?q=im:chat,im:chat:read&op_from=openapi&token_type=tenant,"
            );
            assert!(page(region, "").contains(&link));
        }
        assert!(page("feishu", "https://open.example.com").contains("in the developer console"));
    }
}
