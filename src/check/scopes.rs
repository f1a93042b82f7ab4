//! Checks each scope with a call that cannot change anything: its chat and message do not exist, and
//! the platform checks scopes before it looks them up.

use std::collections::BTreeSet;

use feishu::codes::Class;
use feishu::{
    Block, BlockId, CardForm, ChatId, Client, CreateChildren, Error, IdType, MessageId, TopNotice,
};

use super::Report;
use super::console::Page;
use crate::command::Scope;
use crate::credentials::in_full;

// Well-formed ids that do not exist.
const NO_CHAT: &str = "oc_00000000000000000000000000000000";
const NO_MESSAGE: &str = "om_00000000000000000000000000000000";

enum ScopeState {
    Granted,
    /// Any one of these is sufficient.
    Missing(Vec<String>),
    Unknown(Error),
}

/// An operation of the bot, and whether its scopes are granted.
type Trial = (&'static str, ScopeState);

/// A scope of the bot that the tenant has not granted.
pub(crate) struct Unapproved {
    pub(crate) scope: Scope,
    /// Whether the app asks for it.
    pub(crate) is_requested: bool,
}

/// See [`super::unapproved_scopes`].
pub(crate) async fn unapproved(client: &Client) -> Result<Vec<Unapproved>, Error> {
    let listed = client.list_scopes().await?;
    let requested = listed.iter().map(|scope| scope.scope_name.clone());
    let requested: BTreeSet<String> = requested.collect();
    let granted = granted(listed);
    let missing = Scope::all().filter(|scope| !granted.contains(scope.as_str()));
    let unapproved = missing.map(|scope| Unapproved {
        scope,
        is_requested: requested.contains(scope.as_str()),
    });
    Ok(unapproved.collect())
}

fn granted(listed: Vec<feishu::Scope>) -> BTreeSet<String> {
    let granted = listed
        .into_iter()
        .filter(|scope| scope.grant_status == feishu::Scope::GRANTED);
    granted.map(|scope| scope.scope_name).collect()
}

pub(super) async fn check(report: &mut Report, client: &Client) {
    let trials = try_all(client).await;
    let of = |fits: fn(&ScopeState) -> bool| {
        let fitting = trials.iter().filter(|(_, state)| fits(state));
        let names: Vec<_> = fitting.map(|(operation, _)| *operation).collect();
        names.join(", ")
    };
    let granted = of(|state| matches!(state, ScopeState::Granted));
    if !granted.is_empty() {
        report.good("scopes", format!("granted for {granted}"));
    }
    // One line for each scope, with all operations that need it.
    let mut missing: Vec<(&[String], Vec<&str>)> = Vec::new();
    for (operation, state) in &trials {
        match state {
            ScopeState::Granted => {}
            ScopeState::Missing(scopes) => {
                match missing.iter_mut().find(|(same, _)| same == scopes) {
                    Some((_, operations)) => operations.push(operation),
                    None => missing.push((scopes, vec![operation])),
                }
            }
            // A rate limit does not indicate a problem.
            ScopeState::Unknown(error) if error.retry_after().is_some() => report.note(
                "scopes",
                format!("not checked for {operation} ({})", in_full(error)),
            ),
            ScopeState::Unknown(error) => report.bad(
                "scopes",
                format!("could not check those for {operation} ({})", in_full(error)),
                "see the problems above, and check again later",
            ),
        }
    }
    for (scopes, operations) in missing {
        let text = format!("{} requires {}", operations.join(", "), one_of(scopes));
        report.bad("scopes", text, grant(scopes));
        report.link(Page::Scopes(scopes));
    }
    received_messages(report, client.list_scopes().await);
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
            vec![("reading a group's settings", ScopeState::of(settings))]
        }
        Scope::WriteTopNotice => {
            let put = client.put_top_notice(&chat, TopNotice::Message(&message));
            vec![("pinning to the top", ScopeState::of(put.await))]
        }
        Scope::ReadAnnouncement => {
            let new = client.get_docx_announcement(&chat).await;
            let old = client.get_announcement(&chat).await;
            vec![
                ("reading the kind of an announcement", ScopeState::of(new)),
                (
                    "reading an announcement of the old kind",
                    ScopeState::of(old),
                ),
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
                (
                    "writing an announcement of the old kind",
                    ScopeState::of(old),
                ),
                (
                    "writing an announcement of the new kind",
                    ScopeState::of(new),
                ),
            ]
        }
        Scope::ReadMessage => {
            let read = client.get_message(&message, CardForm::Plain).await;
            vec![("reading a message", ScopeState::of(read))]
        }
        Scope::Send => {
            let reply = client.reply(&message, "noticebot", "").await;
            vec![("replying", ScopeState::of(reply))]
        }
        Scope::React => {
            let reaction = client.add_reaction(&message, "DONE").await;
            vec![("reacting", ScopeState::of(reaction))]
        }
        // No call requires the first three, and none tries the fourth: they are looked up in the list
        // of scopes. The bot works without the others, and `subscriptions` and `panel` make their
        // calls.
        Scope::ReceiveMentions
        | Scope::ReceiveGroups
        | Scope::ReceiveDirect
        | Scope::UploadMedia
        | Scope::ReadApp
        | Scope::ReadPanel
        | Scope::WritePanel => Vec::new(),
    }
}

impl ScopeState {
    /// The chat and the message do not exist, so most errors mean that the check of scopes succeeded.
    fn of<T>(result: Result<T, Error>) -> Self {
        match result {
            Err(Error::Api(api)) if Error::from(api.clone()).is_scope_missing() => {
                Self::Missing(api.missing_scopes.into_vec())
            }
            Err(error) if failed_before_scopes(&error) => Self::Unknown(error),
            _ => Self::Granted,
        }
    }
}

/// Whether the call failed before the platform checked scopes.
fn failed_before_scopes(error: &Error) -> bool {
    error.is_retryable()
        || error.is_app_refused()
        || error.code().is_none()
        || error.class() == Some(Class::BotUnavailable)
}

/// Whether the bot receives all group messages or only those that mention it (official page
/// `im-v1/message/events/receive`).
fn received_messages(report: &mut Report, listed: Result<Vec<feishu::Scope>, Error>) {
    const NAME: &str = "group messages";
    let granted = match listed {
        Ok(scopes) => granted(scopes),
        Err(error) => {
            report.hint(
                NAME,
                format!("could not check whether the bot receives plain `/pin` or only `@bot /pin` ({})", in_full(&error)),
                "see \"Permissions & Scopes\" in the developer console: plain `/pin` requires `im:message.group_msg`, `@bot /pin` requires `im:message.group_at_msg:readonly`",
            );
            return;
        }
    };
    let has =
        |scope: &str| granted.contains(scope) || granted.contains(&format!("{scope}:readonly"));
    direct_messages(report, has);
    uploads(report, &granted);
    if has("im:message.group_msg") {
        report.good(NAME, "the bot receives plain `/pin` and `@bot /pin`");
    } else if has("im:message.group_at_msg") {
        let all = ["im:message.group_msg".to_owned()];
        report.hint(
            NAME,
            "the bot receives `@bot /pin`, but not plain `/pin`",
            format!("tell the members, or {}", grant(&all)),
        );
        report.link(Page::Scopes(&all));
    } else {
        let either = ["im:message.group_msg", "im:message.group_at_msg:readonly"];
        let either = either.map(str::to_owned);
        report.bad(
            NAME,
            format!("the bot receives none without {}", one_of(&either)),
            grant(&either),
        );
        report.link(Page::Scopes(&either));
    }
}

/// Only a hint, because few commands work in direct messages.
fn direct_messages(report: &mut Report, has: impl Fn(&str) -> bool) {
    if !has("im:message.p2p_msg") {
        report.hint(
            "direct messages",
            "the bot receives none, not even `/help`",
            "grant `im:message.p2p_msg:readonly` if members should be able to message the bot",
        );
    }
}

/// Any one of the scopes of the call (official page `drive-v1/media/upload_all`).
fn uploads(report: &mut Report, granted: &BTreeSet<String>) {
    const NAME: &str = "images and files";
    let upload = Scope::UploadMedia.as_str();
    let alternatives = [
        upload,
        "drive:drive",
        "docs:doc",
        "bitable:app",
        "sheets:spreadsheet",
    ];
    if alternatives
        .into_iter()
        .any(|scope| granted.contains(scope))
    {
        report.good(
            NAME,
            "the scope for copying them into announcements is granted",
        );
        return;
    }
    let scopes = [upload.to_owned()];
    report.hint(
        NAME,
        format!("announcements only name them, because the app lacks `{upload}`"),
        grant(&scopes),
    );
    report.link(Page::Scopes(&scopes));
}

fn one_of(scopes: &[String]) -> String {
    let quoted: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    quoted.join(" or ")
}

pub(super) fn grant(scopes: &[String]) -> String {
    let it = if let [_] = scopes {
        "it"
    } else {
        "one of them"
    };
    format!("grant {it} in the developer console, then create a version and have it approved")
}
