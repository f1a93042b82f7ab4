//! Detects misspelled variables.

use std::net::IpAddr;

use crate::config::Problem;
use crate::config::variables::{
    CONFIG_FILE_VARIABLE, ENV_FILE_VARIABLE, full_name, keys, variables,
};

/// The similarity above which a name counts as misspelled.
const NEAR: f64 = 0.93;
/// Less than what an edit takes away.
const SAME_PREFIX: f64 = 0.008;
/// The length from which the end of a name is similar to the name, in bytes.
const PART: usize = 4;
const PREFIXES: [&str; 2] = ["FEISHU_", "NOTICEBOT_"];

/// Whether a name has the prefix of our variables, in upper or lower case.
pub(super) fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The problem of a variable that has our prefix but sets nothing.
pub(super) fn problem(name: &str, value: &str) -> Option<Problem> {
    if !is_ours(name) || is_known(name) || is_service_link(name, value) {
        return None;
    }
    let problem = in_file_only(name).or_else(|| not_secret(name));
    Some(problem.unwrap_or_else(|| unknown(name)))
}

fn is_known(name: &str) -> bool {
    [CONFIG_FILE_VARIABLE, ENV_FILE_VARIABLE].contains(&name) || known().any(|known| known == name)
}

fn known() -> impl Iterator<Item = String> {
    variables().iter().flat_map(|variable| {
        let names = variable.names().into_iter();
        names.chain(variable.file_names())
    })
}

/// The problem of a variable for a list or a table.
fn in_file_only(name: &str) -> Option<Problem> {
    let mut keys = keys().filter(|(_, default)| default.is_array() || default.is_table());
    let (key, default) = keys.find(|(key, _)| {
        let rest = name.strip_prefix(&full_name(key));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })?;
    let kind = if default.is_array() { "list" } else { "table" };
    Some(Problem::new(
        format!("the variable `{name}` cannot set `{key}`, which is a {kind}"),
        format!("set `{key}` in the configuration file, which `{CONFIG_FILE_VARIABLE}` names"),
    ))
}

/// The problem of `<name>_FILE` for a key that is not a secret.
fn not_secret(name: &str) -> Option<Problem> {
    let base = name.strip_suffix("_FILE")?;
    let mut variables = variables().iter();
    let variable = variables.find(|variable| variable.names().iter().any(|known| known == base))?;
    Some(Problem::new(
        format!("unknown variable `{name}`: only secrets are read from files"),
        format!("set `{}` to the value itself", variable.name),
    ))
}

fn unknown(name: &str) -> Problem {
    let (similarity, nearest) = nearest(&name.to_ascii_uppercase());
    let what = format!("unknown variable `{name}` in the environment");
    if similarity > NEAR {
        return Problem::new(what, format!("did you mean `{nearest}`?"));
    }
    let link = if name.contains("_SERVICE_") || name.contains("_PORT") {
        "; if Kubernetes sets it, set `enableServiceLinks: false` for the pod"
    } else {
        ""
    };
    Problem::new(
        what,
        format!("unset it, or use a name from docs/CONFIGURATION.md{link}"),
    )
}

/// The known name that is most similar to this one, and their similarity.
fn nearest(name: &str) -> (f64, String) {
    let full_names = known()
        .chain([CONFIG_FILE_VARIABLE, ENV_FILE_VARIABLE].map(str::to_owned))
        .map(|known| (similarity(name, &known), known));
    // A name can lack the section: `NOTICEBOT_MAX_CONNECTIONS`.
    let short_names = variables().iter().map(|variable| {
        let (_, key) = variable.key.split_once('.').unwrap_or_default();
        let short_name = format!("NOTICEBOT_{key}");
        (similarity(name, &short_name), variable.name.clone())
    });
    let names = full_names.chain(short_names);
    // The first of equally similar names wins.
    let best = names.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.unwrap_or_default()
}

/// From 0 to 1. Of names that are alike otherwise, those with the same prefix are more similar.
fn similarity(one: &str, other: &str) -> f64 {
    let prefix = |name: &str| PREFIXES.iter().position(|prefix| name.starts_with(prefix));
    let bonus = if prefix(one) == prefix(other) {
        SAME_PREFIX
    } else {
        0.0
    };
    bonus + similarity_of_rest(one, other)
}

/// From 0 to 1, which means that the names differ in their prefix only.
fn similarity_of_rest(one: &str, other: &str) -> f64 {
    let [one, other] = [one, other].map(|name| {
        let prefix = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        prefix.unwrap_or(name).replace('_', "").to_ascii_uppercase()
    });
    let edits = strsim::damerau_levenshtein(&one, &other);
    let longest = one.chars().count().max(other.chars().count());
    match edits {
        0 => 1.0,
        1 | 2 if longest > 5 => 0.99_f64.max(strsim::jaro_winkler(&one, &other)),
        // `SECRET` for `APP_SECRET`, `LOG_LEVEL` for `LOG`.
        _ if (one.len() >= PART && other.ends_with(&one)) || one.starts_with(&other) => {
            NEAR + strsim::jaro(&one, &other) / 20.0
        }
        _ => strsim::jaro_winkler(&one, &other),
    }
}

/// Whether Kubernetes or Docker set this variable for a service whose name begins with
/// `noticebot` or `feishu`, for example `NOTICEBOT_PORT=tcp://10.0.0.1:80`.
fn is_service_link(name: &str, value: &str) -> bool {
    let after = |part: &str| name.rsplit_once(part).map(|(_, rest)| rest);
    if name.ends_with("_SERVICE_HOST") || is_port_of_link(name, "_ADDR") {
        return is_address(value);
    }
    if after("_SERVICE_PORT").is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        || is_port_of_link(name, "_PORT")
    {
        return value.parse::<u16>().is_ok();
    }
    if is_port_of_link(name, "_PROTO") {
        return PROTOCOLS.contains(&value);
    }
    (name.ends_with("_PORT") || is_port_of_link(name, "")) && is_url(value)
}

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether a name ends with, for example, `_PORT_8080_TCP` followed by `end`.
fn is_port_of_link(name: &str, end: &str) -> bool {
    let Some((_, port)) = name
        .strip_suffix(end)
        .and_then(|name| name.rsplit_once("_PORT_"))
    else {
        return false;
    };
    port.split_once('_').is_some_and(|(number, protocol)| {
        let protocol = protocol.to_ascii_lowercase();
        number.parse::<u16>().is_ok() && PROTOCOLS.contains(&protocol.as_str())
    })
}

fn is_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(protocol, rest)| {
        let host = rest.rsplit_once(':').map(|(host, _)| host);
        PROTOCOLS.contains(&protocol) && host.is_some_and(is_address)
    })
}

fn is_address(value: &str) -> bool {
    let bare = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(value).parse::<IpAddr>().is_ok()
}
