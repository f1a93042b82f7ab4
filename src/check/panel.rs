//! Checks the `/` panel, which the bot fills at its start. Nothing depends on it.

use feishu::{Client, Error};

use super::Report;
use super::console::Page;
use super::store::StoreFacts;
use crate::command::Scope;
use crate::config::Config;
use crate::credentials::in_full;
use crate::panel::{self, Plan, Reorder};

const NAME: &str = "panel";

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    client: &Client,
    facts: &StoreFacts,
) {
    let listed = match client.list_slash_commands().await {
        Ok(listed) => listed,
        Err(error) if panel::lacks_scope(&error) => return missing_scopes(report),
        Err(error) => return unread(report, &error),
    };
    let made = facts.made_commands(client.credentials().tenant()).await;
    let wanted = panel::wanted(config.feishu.act_as, config.reply.language);
    let plan = panel::plan(&listed, &made, &wanted, Reorder::WhenAdding);
    if !plan.kept.is_empty() {
        let count = plan.kept.len();
        report.good(NAME, format!("`/` offers {count} commands of the bot"));
    }
    changes(report, &plan);
    for name in &plan.taken {
        report.hint(
            NAME,
            format!("`/{name}` in the panel is not the bot's, and the bot leaves it as it is"),
            "if no other program of the app needs it, delete it there, then run `noticebot commands sync`",
        );
    }
    if !plan.left_out.is_empty() {
        report.hint(
            NAME,
            format!(
                "there is no room for {}: an app can have 100 commands",
                slashed(plan.left_out.iter().copied())
            ),
            "delete commands of other programs, then run `noticebot commands sync`",
        );
    }
}

/// Both scopes are asked for at once, because the bot needs both.
fn missing_scopes(report: &mut Report) {
    let scopes = [Scope::ReadPanel, Scope::WritePanel].map(|scope| scope.as_str().to_owned());
    let [read, write] = &scopes;
    report.hint(
        NAME,
        format!("members do not see the commands when they type `/`, because the app lacks `{read}` or `{write}`"),
        "grant both in the developer console, then create a version and have it approved",
    );
    report.link(Page::Scopes(&scopes));
}

fn unread(report: &mut Report, error: &Error) {
    report.note(NAME, format!("not checked ({})", in_full(error)));
}

fn changes(report: &mut Report, plan: &Plan) {
    const REMEDY: &str = "start the bot again, or run `noticebot commands sync`, and read what it says; that needs the scope `application:app_slash_command:write`";
    let added = plan.creations.iter().map(|wanted| wanted.name);
    let updated = plan.updates.iter().map(|(command, _)| &*command.name);
    let added: Vec<_> = added.chain(updated).collect();
    if !added.is_empty() {
        let text = format!("not up to date: {}", slashed(added.into_iter().rev()));
        report.hint(NAME, text, REMEDY);
    }
    if plan.removed().next().is_some() {
        let text = format!("still offers {}", slashed(plan.removed()));
        report.hint(NAME, text, REMEDY);
    }
}

fn slashed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("/{name}"))
        .collect::<Vec<_>>()
        .join(", ")
}
