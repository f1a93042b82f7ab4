//! The groups of the bot, and one group: the bot's role, the kind of its announcement, who may do
//! what, its settings and its schedules.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use feishu::{ChatId, Client, Credentials, ListedChat};
use futures_util::FutureExt as _;
use maud::{Markup, html};
use serde::Deserialize;

use super::check;
use super::failure::Failure;
use super::page::{Section, code, field, moment, next, path, query, respond, table};
use super::state::Console;
use super::visitor::Visitor;
use crate::check::check_group;
use crate::config::AppType;
use crate::credentials::in_full;
use crate::model::job::ChatKey;
use crate::model::schedule::ScheduleRow;
use crate::model::settings::{GroupSettings, Setting};

const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct GroupQuery {
    /// Of a store app.
    #[serde(default)]
    tenant: String,
    /// The last group of the page before.
    #[serde(default)]
    after: String,
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<GroupQuery>,
) -> Response {
    let content = groups(&console, &visitor, &query).await;
    respond(&visitor, Section::Groups, content)
}

/// The client of the tenant.
fn client(console: &Console, tenant: &str) -> Client {
    match console.config.feishu.app_type {
        AppType::Custom => console.client.clone(),
        AppType::Store => {
            let credentials = Credentials::Bot(tenant.into());
            console.client.with_credentials(credentials)
        }
    }
}

async fn groups(
    console: &Console,
    visitor: &Visitor,
    asked: &GroupQuery,
) -> Result<Markup, Failure> {
    let is_store = console.config.feishu.app_type == AppType::Store;
    if is_store && asked.tenant.is_empty() {
        return Ok(html! {
            form.filter method="get" action="/groups" {
                (field("tenant", visitor.say("企业", "Tenant"), "", ""))
                button.primary { (visitor.say("显示群组", "Show its groups")) }
            }
            p { a href="/tenants" { (visitor.say("全部企业", "All tenants")) } }
        });
    }
    let listed = client(console, &asked.tenant).list_chats().await;
    let listed = listed.map_err(|error| anyhow::anyhow!(in_full(&error)));
    let listed = listed.context("listing the groups")?;
    let position = listed
        .chats
        .iter()
        .position(|chat| chat.id.as_str() == asked.after);
    let rest = listed
        .chats
        .get(position.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let (page, later) = rest.split_at(rest.len().min(PAGE));
    if page.is_empty() {
        return Ok(html! {
            p.empty {
                (visitor.say(
                    "机器人还不在任何群里。请在群设置的「群机器人」中添加。",
                    "The bot is in no group: add it in the settings of a group, under Bots.",
                ))
            }
        });
    }
    let tenant = asked.tenant.as_str();
    let head = [
        visitor.say("群组", "Group"),
        visitor.say("群组 ID", "Chat id"),
        visitor.say("外部群", "External"),
        "",
    ];
    let row = |chat: &ListedChat| {
        let (id, of_tenant) = (chat.id.as_str(), query(&[("tenant", tenant)]));
        let name = match chat.name.as_str() {
            "" => visitor.say("（未命名）", "(no name)"),
            name => name,
        };
        vec![
            html! { a href={ (path("/groups", id)) (of_tenant) } { (name) } },
            code(id),
            html! { @if chat.external { (visitor.say("是", "yes")) } },
            html! {
                a href={ "/jobs" (query(&[("chat", id), ("state", "all"), ("tenant", tenant)])) } { (visitor.say("任务", "Jobs")) } " · "
                a href={ "/audit" (query(&[("chat", id), ("tenant", tenant)])) } { (visitor.say("审计", "Audit")) }
            },
        ]
    };
    let rows: Vec<_> = page.iter().map(row).collect();
    Ok(html! {
        (table(visitor.say("群组", "Groups"), &head, &rows))
        @if let (false, Some(last)) = (later.is_empty(), page.last()) {
            (next(visitor, &format!("/groups{}", query(&[("tenant", tenant), ("after", last.id.as_str())]))))
        }
    })
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(chat): Path<String>,
    Query(query): Query<GroupQuery>,
) -> Response {
    let content = group(&console, &visitor, &chat, &query.tenant).await;
    respond(&visitor, Section::Groups, content)
}

async fn group(
    console: &Console,
    visitor: &Visitor,
    chat: &str,
    tenant: &str,
) -> Result<Markup, Failure> {
    let key = ChatKey {
        tenant: console.tenant(tenant),
        chat: chat.to_owned(),
    };
    let read = console.store.ask(move |store| {
        async move {
            Ok((
                store.group_settings(&key).await?,
                store.schedules(&key).await?,
            ))
        }
        .boxed()
    });
    let (own, planned) = read.await?;
    let client = client(console, tenant);
    let report = check_group(
        &console.config,
        &console.clock,
        &client,
        &ChatId::from(chat),
    )
    .await;
    Ok(html! {
        p {
            (code(chat)) " · "
            a href={ "/jobs" (query(&[("chat", chat), ("state", "all"), ("tenant", tenant)])) } { (visitor.say("任务", "Jobs")) } " · "
            a href={ "/audit" (query(&[("chat", chat), ("tenant", tenant)])) } { (visitor.say("审计", "Audit")) }
        }
        section aria-labelledby="rights" {
            h2 #rights { (visitor.say("角色与权限", "Role and permissions")) }
            (check::list(&report))
        }
        section aria-labelledby="settings" {
            h2 #settings { (visitor.say("本群设置", "Settings of the group")) }
            (settings(visitor, &own))
        }
        section aria-labelledby="schedules" {
            h2 #schedules { (visitor.say("定时任务", "Schedules")) }
            (schedules(console, visitor, &planned))
        }
    })
}

fn settings(visitor: &Visitor, own: &GroupSettings) -> Markup {
    let set = Setting::all().filter_map(|setting| Some((setting, own.get(setting)?)));
    let rows: Vec<_> = set
        .map(|(setting, value)| {
            let name = setting.spec().name.to(visitor.language);
            vec![html! { (name) }, code(value.as_str())]
        })
        .collect();
    if rows.is_empty() {
        return html! {
            p.empty {
                (visitor.say("本群没有自己的设置，使用", "The group has set nothing for itself; the "))
                a href="/settings" { (visitor.say("配置", "settings")) }
                (visitor.say("。", " apply."))
            }
        };
    }
    let head = [visitor.say("设置", "Setting"), visitor.say("值", "Value")];
    table(
        visitor.say("本群设置", "Settings of the group"),
        &head,
        &rows,
    )
}

fn schedules(console: &Console, visitor: &Visitor, planned: &[ScheduleRow]) -> Markup {
    if planned.is_empty() {
        return html! { p.empty { (visitor.say("没有定时任务。", "Nothing is scheduled.")) } };
    }
    let head = [
        visitor.say("编号", "Number"),
        visitor.say("时间", "Due"),
        visitor.say("任务", "Job"),
    ];
    let row = |schedule: &ScheduleRow| {
        vec![
            html! { (schedule.number) },
            moment(console, schedule.due),
            html! { a href=(path("/jobs", &schedule.id.0.to_string())) { (schedule.id.0) } },
        ]
    };
    let rows: Vec<_> = planned.iter().map(row).collect();
    table(visitor.say("定时任务", "Schedules"), &head, &rows)
}
