//! The login page, and the cookies.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::access::{LoginError, is_same};
use super::page::{answer, language_link, meta};
use super::state::Console;
use super::visitor::{LANGUAGE, SESSION, Visitor, of_tag};
use crate::language::{Bilingual, Language};
use crate::web::cookie;

#[derive(Deserialize)]
pub(super) struct Destination {
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
pub(super) struct LanguageChoice {
    #[serde(default)]
    to: String,
    #[serde(default)]
    back: String,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(Destination { back }): Query<Destination>,
) -> Response {
    if console.access.is_closed() {
        return closed(&visitor);
    }
    login_page(&console, &visitor, &back, StatusCode::OK, None)
}

pub(super) async fn log_in(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    if console.access.is_closed() {
        return closed(&visitor);
    }
    if !is_same(&form.csrf, console.access.login_csrf()) {
        let words = Bilingual::new(
            "页面已过期，请重新登录。",
            "The page was outdated: log in again.",
        );
        let status = StatusCode::FORBIDDEN;
        return login_page(&console, &visitor, &form.back, status, Some(words));
    }
    let from = visitor.address;
    match console.access.log_in(&form.token, from) {
        Ok(session) => {
            tracing::info!(from = %from, "an admin logged in to the console");
            let to = Redirect::to(local_path(&form.back));
            with_cookie(to.into_response(), &session_cookie(&session, &headers))
        }
        Err(LoginError::WrongToken) => {
            tracing::warn!(from = %from, "a login to the console failed: wrong token");
            let words = Bilingual::new("令牌不正确。", "This is not the token.");
            let status = StatusCode::UNAUTHORIZED;
            login_page(&console, &visitor, &form.back, status, Some(words))
        }
        Err(LoginError::TooManyAttempts(wait)) => {
            let words = Bilingual::new(
                "尝试次数过多，请稍后再试。",
                "There were too many attempts: wait before you try again.",
            );
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = login_page(&console, &visitor, &form.back, status, Some(words));
            let seconds = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            response
        }
    }
}

pub(super) async fn log_out(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    if let Some(session) = cookie(&headers, SESSION) {
        console.access.log_out(session);
    }
    let gone = format!("{SESSION}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(Redirect::to("/login").into_response(), &gone)
}

pub(super) async fn choose_language(Query(choice): Query<LanguageChoice>) -> Response {
    let tag = match of_tag(&choice.to) {
        Some(Language::Zh) => "zh",
        Some(Language::En) => "en",
        None => return StatusCode::BAD_REQUEST.into_response(),
    };
    let year = 365 * 24 * 60 * 60;
    let chosen = format!("{LANGUAGE}={tag}; Path=/; SameSite=Lax; Max-Age={year}");
    let to = Redirect::to(local_path(&choice.back));
    with_cookie(to.into_response(), &chosen)
}

/// The answer to a visitor without a session: a form only for a page that can be opened later.
pub(super) fn has_to_log_in(visitor: &Visitor, is_page: bool) -> Response {
    if !is_page {
        return (StatusCode::UNAUTHORIZED, "log in at /login\n").into_response();
    }
    let back = super::page::query(&[("back", &visitor.page)]);
    Redirect::to(&format!("/login{back}")).into_response()
}

/// The answer of a console that nobody may open.
pub(super) fn closed(visitor: &Visitor) -> Response {
    let content = html! {
        p.alert {
            (visitor.say(
                "控制台未开放：监听地址不是回环地址，且没有设置令牌。请设置 ",
                "The console is closed, because the admin listener is not at a loopback address and no token is set. Set ",
            ))
            code { "NOTICEBOT_ADMIN_TOKEN" }
            (visitor.say(
                "，然后重新启动机器人。",
                " and start the bot again.",
            ))
        }
    };
    answer(StatusCode::FORBIDDEN, narrow(visitor, &content))
}

fn login_page(
    console: &Console,
    visitor: &Visitor,
    back: &str,
    status: StatusCode,
    problem: Option<Bilingual>,
) -> Response {
    let content = html! {
        @if let Some(problem) = problem {
            p.alert role="alert" { (problem.to(visitor.language)) }
        }
        form.login method="post" action="/login" {
            input type="hidden" name="csrf" value=(console.access.login_csrf());
            input type="hidden" name="back" value=(local_path(back));
            label {
                span { (visitor.say("管理令牌", "Admin token")) }
                input type="password" name="token" required autofocus
                    autocomplete="current-password";
            }
            p.hint {
                (visitor.say("即环境变量 ", "The value of ")) code { "NOTICEBOT_ADMIN_TOKEN" }
                (visitor.say(" 的值。", "."))
            }
            button.primary { (visitor.say("登录", "Log in")) }
        }
    };
    answer(status, narrow(visitor, &content))
}

/// A page without navigation.
fn narrow(visitor: &Visitor, content: &Markup) -> Markup {
    let title = visitor.say("登录控制台", "Log in to the console");
    html! {
        (DOCTYPE)
        html lang=(visitor.say("zh-CN", "en")) {
            head { (meta(title)) }
            body.narrow {
                main {
                    img src="/assets/icon.svg" alt="" width="40" height="40";
                    h1 { (title) }
                    (content)
                    p { (language_link(visitor)) }
                }
            }
        }
    }
}

fn session_cookie(session: &str, headers: &HeaderMap) -> String {
    // Only a browser that uses HTTPS says so, and a cookie that is marked is never sent without.
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let is_secure = origin.is_some_and(|origin| origin.starts_with(b"https://"));
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{SESSION}={session}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A path of this server, so that a link to the login cannot lead elsewhere.
fn local_path(back: &str) -> &str {
    let is_local = back.starts_with('/')
        && !back.starts_with("//")
        && !back.contains(['\\', '\r', '\n', '\t'])
        && back.is_ascii();
    if is_local { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_leads_to_pages_of_this_server_only() {
        for (back, expected) in [
            ("/jobs?state=dead", "/jobs?state=dead"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("https://evil.example", "/"),
            ("/jobs\r\nSet-Cookie: a=b", "/"),
        ] {
            assert_eq!(local_path(back), expected, "{back:?}");
        }
    }
}
