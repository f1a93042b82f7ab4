//! The tenants of a store app, and the members who let the bot act as them.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use feishu::OpenId;
use futures_util::FutureExt as _;
use maud::{Markup, html};
use serde::Deserialize;

use super::failure::Failure;
use super::page::{Section, code, csrf, moment, next, query, respond, table};
use super::state::Console;
use super::visitor::Visitor;
use crate::config::{ActAs, AppType};
use crate::language::Bilingual;
use crate::model::grant::Member;
use crate::model::tenant::{TenantRow, TenantState};
use crate::store::{AdminAction, AdminDeed, GrantRow, Rows};

const PAGE: u32 = 50;

/// Where the pages of both tables begin.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TenantQuery {
    #[serde(default)]
    after: String,
    #[serde(default)]
    grant_tenant: String,
    #[serde(default)]
    grant_person: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RevokeForm {
    tenant: String,
    person: String,
}

type Grants = Rows<GrantRow, (String, String)>;

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<TenantQuery>,
) -> Response {
    let content = content(&console, &visitor, query).await;
    respond(&visitor, Section::Tenants, content)
}

async fn content(
    console: &Console,
    visitor: &Visitor,
    asked: TenantQuery,
) -> Result<Markup, Failure> {
    let app = console.app().to_owned();
    let read = console.store.ask(move |store| {
        async move {
            let tenants = store.page_of_tenants(&app, &asked.after, PAGE).await?;
            let after = (asked.grant_tenant.as_str(), asked.grant_person.as_str());
            let grants = store.page_of_grants(&app, after, PAGE).await?;
            Ok((tenants, grants))
        }
        .boxed()
    });
    let (of_app, granted) = read.await?;
    Ok(html! {
        section aria-labelledby="tenants" {
            h2 #tenants { (visitor.say("企业", "Tenants")) }
            (tenants(console, visitor, &of_app))
        }
        section aria-labelledby="grants" {
            h2 #grants { (visitor.say("成员授权", "Grants of members")) }
            (grants(console, visitor, &granted))
        }
    })
}

fn tenants(console: &Console, visitor: &Visitor, page: &Rows<TenantRow, String>) -> Markup {
    if console.config.feishu.app_type == AppType::Custom {
        return html! {
            p.empty { (visitor.say("自建应用只服务本企业。", "A custom app has one tenant, its own.")) }
        };
    }
    if page.rows.is_empty() {
        return html! {
            p.empty { (visitor.say("还没有企业安装应用。", "No tenant has installed the app yet.")) }
        };
    }
    let head = [
        visitor.say("企业", "Tenant"),
        visitor.say("状态", "State"),
        visitor.say("首次事件", "First event"),
        visitor.say("最近事件", "Last event"),
        "",
    ];
    let row = |tenant: &TenantRow| {
        let (class, words) = match tenant.state {
            TenantState::Active => ("good", visitor.say("使用中", "active")),
            TenantState::Stopped => ("warn", visitor.say("已停用", "stopped")),
            TenantState::Erased => (
                "bad",
                visitor.say("已卸载，正在清除数据", "uninstalled, being erased"),
            ),
        };
        let key = tenant.key.as_str();
        vec![
            code(key),
            html! { span.{ "badge " (class) } { (words) } },
            moment(console, tenant.first_seen_at),
            moment(console, tenant.last_seen_at),
            html! {
                a href={ "/jobs" (query(&[("tenant", key)])) } { (visitor.say("任务", "Jobs")) } " · "
                a href={ "/audit" (query(&[("tenant", key)])) } { (visitor.say("审计", "Audit")) } " · "
                a href={ "/groups" (query(&[("tenant", key)])) } { (visitor.say("群组", "Groups")) }
            },
        ]
    };
    let rows: Vec<_> = page.rows.iter().map(row).collect();
    html! {
        (table(visitor.say("企业", "Tenants"), &head, &rows))
        @if let Some(key) = &page.next {
            (next(visitor, &format!("/tenants{}", query(&[("after", key)]))))
        }
    }
}

fn grants(console: &Console, visitor: &Visitor, page: &Grants) -> Markup {
    if console.config.feishu.act_as == ActAs::Bot {
        return html! {
            p.empty {
                (visitor.say(
                    "机器人以自己的身份操作，无需成员授权。",
                    "The bot acts as itself, so it needs no consent of members.",
                ))
            }
        };
    }
    if page.rows.is_empty() {
        return html! {
            p.empty { (visitor.say("还没有成员授权。", "No member has given consent yet.")) }
        };
    }
    let head = [
        visitor.say("成员", "Member"),
        visitor.say("企业", "Tenant"),
        visitor.say("授权时间", "Granted"),
        visitor.say("最近续期", "Renewed"),
        "",
    ];
    let row = |grant: &GrantRow| {
        vec![
            code(&grant.person),
            code(&grant.tenant),
            moment(console, grant.granted_at),
            moment(console, grant.renewed_at),
            html! {
                @match grant.ended_at {
                    Some(_) => { span.badge.warn { (visitor.say("已失效", "ended")) } },
                    None => { (revoke_form(visitor, grant)) },
                }
            },
        ]
    };
    let rows: Vec<_> = page.rows.iter().map(row).collect();
    html! {
        (table(visitor.say("成员授权", "Grants of members"), &head, &rows))
        @if let Some((tenant, person)) = &page.next {
            (next(
                visitor,
                &format!("/tenants{}", query(&[("grant_tenant", tenant), ("grant_person", person)])),
            ))
        }
    }
}

fn revoke_form(visitor: &Visitor, grant: &GrantRow) -> Markup {
    html! {
        details {
            summary.chip { (visitor.say("撤销…", "Revoke…")) }
            form method="post" action="/tenants/revoke" {
                (csrf(visitor))
                input type="hidden" name="tenant" value=(grant.tenant);
                input type="hidden" name="person" value=(grant.person);
                p {
                    (visitor.say(
                        "机器人不能再以该成员的身份操作；等待授权的任务将会失败。",
                        "The bot can no longer act as this member.",
                    ))
                }
                button.danger { (visitor.say("撤销授权", "Revoke the grant")) }
            }
        }
    }
}

pub(super) async fn revoke(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Form(form): Form<RevokeForm>,
) -> Response {
    match end_grant(&console, &visitor, form).await {
        Ok(()) => Redirect::to("/tenants").into_response(),
        Err(failure) => respond(&visitor, Section::Tenants, Err(failure)),
    }
}

/// Revokes the grant on the platform and deletes it here, also if the platform refuses.
async fn end_grant(console: &Console, visitor: &Visitor, form: RevokeForm) -> Result<(), Failure> {
    let Some(grants) = &console.grants else {
        return Err(Failure::NotFound(Bilingual::new(
            "机器人以自己的身份操作，没有成员授权。",
            "The bot acts as itself, so there are no grants.",
        )));
    };
    let member = Member {
        tenant: console.tenant(&form.tenant),
        person: OpenId::from(form.person.as_str()),
    };
    let revoked = grants.revoke(&member).await;
    let revoked = revoked.context("revoking the grant on the platform")?;
    if revoked.is_none() {
        return Err(Failure::NotFound(Bilingual::new(
            "没有这个授权，可能已撤销。",
            "There is no such grant; it may have ended.",
        )));
    }
    grants.forget(&member).await.context("deleting the grant")?;
    let (now, by) = (console.clock.now(), visitor.name());
    let recorded = console.store.ask(move |store| {
        async move {
            let action = AdminAction {
                tenant: &member.tenant,
                chat: "",
                reference: member.person.as_str(),
                deed: AdminDeed::Revoke,
                by: &by,
            };
            store.record_action(&action, now).await
        }
        .boxed()
    });
    Ok(recorded.await?)
}
