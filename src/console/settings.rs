//! The effective settings, with the place that set each. Secrets are hidden.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::failure::Failure;
use super::page::{Section, code, respond, table_with_text};
use super::state::Console;
use super::visitor::Visitor;

pub(super) async fn page(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    respond(&visitor, Section::Settings, content(&console, &visitor))
}

fn content(console: &Console, visitor: &Visitor) -> Result<Markup, Failure> {
    let text = console.config.to_toml().context("writing the settings")?;
    let table_of_all: toml::Table = toml::from_str(&text).context("reading the settings")?;
    let mut rows = Vec::new();
    for (key, value) in flat("", &table_of_all) {
        let origin = console.config.origins.get(&key);
        let default = visitor.say("默认值", "default");
        rows.push(vec![
            code(&key),
            code(&value),
            html! {
                @match origin {
                    Some(origin) => { (origin.replace('`', "")) },
                    None => { span.hint { (default) } },
                }
            },
        ]);
    }
    let head = [
        visitor.say("配置项", "Key"),
        visitor.say("值", "Value"),
        visitor.say("来源", "Set by"),
    ];
    Ok(html! {
        p.hint {
            (visitor.say(
                "以下为启动时读取的配置；修改后需重新启动。密钥不显示。",
                "As read at the start: a change takes effect with the next start. Secrets are hidden.",
            ))
        }
        (table_with_text(visitor.say("配置", "Settings"), &head, &rows, Some(1)))
    })
}

/// Every value that is not a table, with its key.
fn flat(parent: &str, table: &toml::Table) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (key, value) in table {
        let key = match parent {
            "" => key.clone(),
            parent => format!("{parent}.{key}"),
        };
        match value {
            toml::Value::Table(inner) => all.extend(flat(&key, inner)),
            value => all.push((key, value.to_string())),
        }
    }
    all
}
