//! The two pages of the redirect flow: the link that a member gets, and the platform's redirect.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::SecretString;
use serde::Deserialize;

use crate::consent::{ConsentError, Consents, Visit, VisitEnd};
use crate::language::Bilingual;
use crate::web::cookie;

/// Holds the state of a visit, encrypted.
const COOKIE: &str = "noticebot_consent";
/// In seconds, as long as the longest request for consent.
const COOKIE_LIFE: u32 = 3600;
/// The error if the member declined.
const DENIED: &str = "access_denied";
/// The platform's page is the only other one.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;margin:0;display:grid;place-items:center;\
min-height:100vh;color:#1f2329;background:#f5f6f7}\
main{max-width:28rem;padding:1.5rem 2rem;background:#fff;border-radius:.75rem}\
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:0}section+section{margin-top:1.25rem}\
@media(prefers-color-scheme:dark){body{color:#ebebeb;background:#17191c}main{background:#24272b}}";

/// The routes of the redirect flow.
pub(crate) fn routes(consents: Consents) -> Router {
    Router::new()
        .route("/oauth/start", get(start))
        .route("/oauth/callback", get(callback))
        .with_state(consents)
}

#[derive(Deserialize)]
struct StartQuery {
    ticket: Option<SecretString>,
}

/// Redirects the member to the platform's page.
async fn start(
    State(consents): State<Consents>,
    query: Result<Query<StartQuery>, QueryRejection>,
) -> Response {
    let ticket = query.ok().and_then(|Query(query)| query.ticket);
    let visit = match ticket {
        Some(ticket) => consents.visit(&ticket).await,
        None => Ok(None),
    };
    match visit {
        Ok(Some(visit)) => redirect(&consents, visit),
        Ok(None) => page(VisitEnd::Invalid),
        Err(error) => failed(&error),
    }
}

fn redirect(consents: &Consents, Visit { location, cookie }: Visit) -> Response {
    let secure = if consents.is_https() { "; Secure" } else { "" };
    // `Lax`: the platform's redirect comes from another site.
    let cookie =
        format!("{COOKIE}={cookie}; HttpOnly; SameSite=Lax; Path=/; Max-Age={COOKIE_LIFE}{secure}");
    let headers = [
        (header::LOCATION, location),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[derive(Deserialize)]
struct CallbackQuery {
    state: Option<SecretString>,
    code: Option<SecretString>,
    error: Option<String>,
}

/// Takes the member's answer from the platform.
async fn callback(
    State(consents): State<Consents>,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
) -> Response {
    let (Ok(Query(query)), Some(cookie)) = (query, cookie(&headers, COOKIE)) else {
        return page(VisitEnd::Invalid);
    };
    let (Some(state), true) = (query.state, query.code.is_some() || query.error.is_some()) else {
        return page(VisitEnd::Invalid);
    };
    if query.code.is_none() && query.error.as_deref() != Some(DENIED) {
        // Not by the member, who may try again.
        return page(VisitEnd::Failed);
    }
    match consents.finish(cookie, &state, query.code.as_ref()).await {
        Ok(end) => page(end),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ConsentError) -> Response {
    tracing::error!(?error, "a visit for a member's consent failed");
    page(VisitEnd::Failed)
}

/// A page in both languages.
fn page(end: VisitEnd) -> Response {
    let (status, title, text) = words(end);
    let body = format!(
        "<!doctype html><html lang=\"zh\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{} · {}</title>\
<style>{STYLE}</style></head><body><main><section><h1>{}</h1><p>{}</p></section>\
<section lang=\"en\"><h1>{}</h1><p>{}</p></section></main></body></html>\n",
        title.zh, title.en, title.zh, text.zh, title.en, text.en
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body).into_response()
}

fn words(end: VisitEnd) -> (StatusCode, Bilingual, Bilingual) {
    match end {
        VisitEnd::Granted => (
            StatusCode::OK,
            Bilingual::new("授权成功", "Thank you"),
            Bilingual::new(
                "可以关闭此页面并返回群聊，等待中的命令会自动继续。",
                "You can close this page and go back to the chat. A command that was waiting continues by itself.",
            ),
        ),
        VisitEnd::Declined => (
            StatusCode::OK,
            Bilingual::new("未授权", "No consent"),
            Bilingual::new(
                "机器人不会以你的身份操作。如需授权，请在群聊中发送 /授权。",
                "The bot does not act as you. To change your mind, send /login in the chat.",
            ),
        ),
        VisitEnd::Invalid => (
            StatusCode::BAD_REQUEST,
            Bilingual::new("链接无效或已过期", "This link is not valid"),
            Bilingual::new(
                "请在收到链接的设备上重新打开该链接；如果仍然无效，请在群聊中发送 /授权 获取新的链接。",
                "Open the link again, in one browser from start to end. If that does not help, send /login in the chat for a new link.",
            ),
        ),
        VisitEnd::WrongPerson => (
            StatusCode::FORBIDDEN,
            Bilingual::new("账号不匹配", "This is another account"),
            Bilingual::new(
                "此链接是发给另一位成员的，未保存任何授权。请退出当前账号，用发送命令的账号登录后重试。",
                "The link was made for another member, and nothing was stored. Sign in with the account that sent the command, and open the link again.",
            ),
        ),
        VisitEnd::Failed => (
            StatusCode::BAD_GATEWAY,
            Bilingual::new("授权未完成", "That did not work"),
            Bilingual::new(
                "与飞书的通信出现问题。请稍后重新打开该链接。",
                "The platform could not be reached or refused. Open the link again in a moment.",
            ),
        ),
    }
}
