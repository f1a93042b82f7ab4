//! What an app is subscribed to, and how many long connections it has (official pages
//! `application-v6/application/get`, `application-v6/application-app_version/list` and
//! `event-v1/connection/get`).

use serde_json::{Value, json};

use super::{page, page_bounds, success};
use crate::published::Published;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;

/// When a version was created and published, in seconds.
const CREATED: (&str, &str) = ("1788000000", "1788003600");

/// A version's status by the page: 1 is approved, 4 is not submitted.
const APPROVED: u8 = 1;
const DRAFT: u8 = 4;

/// Newest first: a draft that continues the published version, then that version.
pub(crate) fn versions(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    own_app(state, request)?;
    let bounds = page_bounds(request, 20, 50)?;
    let app = state.app();
    let draft = json!({
        "app_id": app.app_id, "version": "9.9.9", "version_id": "oav_draft", "status": DRAFT,
        "create_time": CREATED.1, "publish_time": "",
        "event_infos": [event("contact.user.created_v3")], "scopes": [],
    });
    let published = app.published.as_ref().map(|published| {
        let events: Vec<_> = published.events.iter().map(|name| event(name)).collect();
        json!({
            "app_id": app.app_id, "version": published.version, "version_id": "oav_published",
            "status": APPROVED, "create_time": CREATED.0, "publish_time": CREATED.1,
            "event_infos": events, "scopes": [],
        })
    });
    let all: Vec<_> = [draft].into_iter().chain(published).collect();
    let (items, next) = page(&all, bounds);
    Ok(success(json!({
        "items": items, "has_more": next.is_some(), "page_token": next.unwrap_or_default(),
    })))
}

fn event(name: &str) -> Value {
    json!({"event_type": name, "event_name": name, "event_description": ""})
}

/// The page does not list `callback_info`; programs read it.
pub(crate) fn get(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    own_app(state, request)?;
    let app = state.app();
    let mut data = json!({"app": {
        "app_id": app.app_id, "app_name": app.bot_name, "status": 1, "scene_type": 0,
    }});
    let published = app.published.as_ref();
    if let Some(Published { callbacks, .. }) = published
        && state.behaviour.subscriptions.callbacks_are_told
    {
        data["app"]["callback_info"] = json!({"subscribed_callbacks": callbacks});
    }
    Ok(success(data))
}

/// The caller may read itself only, and has to name a language.
fn own_app(state: &State, request: &Request) -> Result<(), Refusal> {
    if !["zh_cn", "en_us", "ja_jp"].contains(&request.query("lang").unwrap_or_default()) {
        return Err(Refusal::field("lang", "must be zh_cn, en_us or ja_jp"));
    }
    match request.param("app_id") {
        "me" => Ok(()),
        own if own == state.app().app_id => Ok(()),
        _ => Err(Refusal::code(210_508)),
    }
}

/// Those of this simulator, and those that a test says other processes have.
#[expect(
    clippy::unnecessary_wraps,
    reason = "all endpoints have the same signature"
)]
pub(crate) fn connections(state: &mut State, _: &Request) -> Result<Value, Refusal> {
    let open = state.apps.present().long_connections.open.len();
    let count = open + state.behaviour.subscriptions.connections_elsewhere;
    Ok(success(json!({"online_instance_cnt": count})))
}
