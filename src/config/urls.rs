//! Checks URLs.

use std::net::IpAddr;

use reqwest::Url;

use super::{Config, Problem, ServerConfig};
use crate::config::unreadable::variable_for;

const BASE: &str = "feishu.base_url";
const ACCOUNTS: &str = "feishu.accounts_url";
const PUBLIC: &str = "server.public_url";
const COLLECTOR: &str = "telemetry.otlp_endpoint";
/// What somebody may append who copies the URL of one path.
const PATHS: [&str; 3] = ["/oauth/callback", "/oauth/start", "/webhook/event"];

impl ServerConfig {
    /// The public address in normal form: in ASCII, without default port and trailing slash.
    /// `None` if it is not set.
    pub fn public_base(&self) -> Option<String> {
        let url = Url::parse(&self.public_url).ok()?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }
}

pub(super) fn find(config: &Config) -> Vec<Problem> {
    let (feishu, public) = (&config.feishu, &config.server.public_url);
    [
        malformed(BASE, feishu.platform(), "https://open.feishu.cn"),
        malformed(ACCOUNTS, &feishu.accounts_url, "https://accounts.feishu.cn"),
        malformed(
            COLLECTOR,
            &config.telemetry.otlp_endpoint,
            "http://collector:4318",
        ),
        malformed(PUBLIC, public, "https://bot.example.com").or_else(|| unsuitable(public)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn malformed(key: &str, text: &str, example: &str) -> Option<Problem> {
    let url = parse(text);
    if text.is_empty() || url.as_ref().is_some_and(|url| !has_user(url)) {
        return None;
    }
    let variable = variable_for(key);
    // The other problem quotes the URL.
    if url.is_some() || text.contains('@') {
        return Some(Problem::new(
            format!("`{key}` contains a user name or a password, or is not a URL"),
            format!("set it, or `{variable}`, to the address alone, such as `{example}`"),
        ));
    }
    Some(Problem::new(
        format!("`{key}` is `{}`", text.escape_debug()),
        format!(
            "set it, or `{variable}`, to a URL such as `{example}`, without query and fragment, or leave it empty"
        ),
    ))
}

/// The problem of a public URL that is well-formed.
fn unsuitable(text: &str) -> Option<Problem> {
    let url = parse(text)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Some(Problem::new(
            format!("`{PUBLIC}` is `{text}`, which is not encrypted"),
            format!(
                "set it, or `{}`, to a URL that begins with `https://`",
                variable_for(PUBLIC)
            ),
        ));
    }
    let path = url.path().trim_end_matches('/');
    let copied = PATHS.iter().find(|of_bot| path.ends_with(**of_bot))?;
    Some(Problem::new(
        format!("`{PUBLIC}` is `{text}`, which is the URL of one path"),
        format!(
            "set it, or `{}`, to the part before `{copied}`",
            variable_for(PUBLIC)
        ),
    ))
}

/// Stricter than the standard, which also accepts `https:host` and white space.
fn parse(text: &str) -> Option<Url> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '…' | '\\');
    let (scheme, _) = text.split_once("://")?;
    let url = Url::parse(text).ok()?;
    let is_valid = matches!(url.scheme(), "http" | "https")
        && url.scheme().eq_ignore_ascii_case(scheme)
        && url.query().is_none()
        && url.fragment().is_none()
        && !text.contains(is_odd);
    is_valid.then_some(url)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_local_name = host == "localhost" || host.ends_with(".localhost");
    is_local_name || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(url: &str) -> Result<Option<String>, String> {
        let variables = [("NOTICEBOT_PUBLIC_URL", url)];
        let config = Config::read(None, &variables.into_iter().collect());
        let config = config.map_err(|error| error.to_string())?;
        match &find(&config)[..] {
            [] => Ok(config.server.public_base()),
            problems => Err(problems.iter().map(Problem::to_string).collect()),
        }
    }

    #[test]
    fn public_url_is_brought_into_normal_form() {
        for (url, normal) in [
            ("https://bot.example.com", "https://bot.example.com"),
            ("https://bot.example.com/", "https://bot.example.com"),
            ("https://bot.example.com//", "https://bot.example.com"),
            ("HTTPS://Bot.Example.COM", "https://bot.example.com"),
            ("https://bot.example.com:443", "https://bot.example.com"),
            (
                "https://bot.example.com:8443/",
                "https://bot.example.com:8443",
            ),
            ("https://example.com/bot/", "https://example.com/bot"),
            (
                "https://example.com/Team/bot",
                "https://example.com/Team/bot",
            ),
            ("https://example.com/oauth", "https://example.com/oauth"),
            (
                "https://机器人.example.com",
                "https://xn--gmqz0qc7o.example.com",
            ),
            (
                "https://example.com/公告",
                "https://example.com/%E5%85%AC%E5%91%8A",
            ),
            ("https://192.0.2.7", "https://192.0.2.7"),
            ("https://[2001:DB8::7]:8443", "https://[2001:db8::7]:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://bot.localhost", "http://bot.localhost"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(public(url), Ok(Some(normal.to_owned())), "{url}");
        }
        assert_eq!(public(""), Ok(None));
    }

    #[test]
    fn other_public_urls_are_rejected_with_a_remedy() {
        let shape = "to a URL such as `https://bot.example.com`";
        let user = "to the address alone";
        let encrypted = "to a URL that begins with `https://`";
        let part = "to the part before `/";
        for (url, remedy) in [
            ("bot.example.com", shape),
            ("bot.example.com:443", shape),
            ("//bot.example.com", shape),
            ("/oauth/callback", shape),
            ("https:bot.example.com", shape),
            ("https:/bot.example.com", shape),
            ("https:\\\\bot.example.com", shape),
            ("https://", shape),
            ("https://…", shape),
            ("https://bot.example.com:65536", shape),
            ("https://bot .example.com", shape),
            ("https://bot.\texample.com", shape),
            ("https://bot.example.com?", shape),
            ("https://bot.example.com/?a=b", shape),
            ("https://bot.example.com#", shape),
            ("https://bot.example.com/#/callback", shape),
            ("https://2001:db8::7", shape),
            ("javascript:alert(1)", shape),
            ("javascript://bot.example.com/%0aalert(1)", shape),
            ("data:text/html,hello", shape),
            ("file:///etc/passwd", shape),
            ("ftp://bot.example.com", shape),
            ("wss://bot.example.com", shape),
            ("https://bot:hush@bot.example.com", user),
            ("https://hush@bot.example.com", user),
            ("bot:hush@bot.example.com", user),
            ("http://bot.example.com", encrypted),
            ("http://192.168.0.7:8080", encrypted),
            ("http://0.0.0.0:8080", encrypted),
            ("http://localhost.example.com", encrypted),
            ("http://notlocalhost", encrypted),
            ("https://bot.example.com/oauth/callback", part),
            ("https://example.com/bot/oauth/callback/", part),
            ("https://bot.example.com/webhook/event", part),
        ] {
            let refused = public(url).unwrap_err();
            assert!(refused.starts_with("`server.public_url` "), "{refused}");
            assert!(refused.contains("`NOTICEBOT_PUBLIC_URL`"), "{refused}");
            assert!(refused.contains(remedy), "{url}: {refused}");
            assert!(!refused.contains("hush"), "{refused}");
        }
        let spaced = public("https://bot.example.com ").unwrap_err();
        assert!(spaced.contains("ends with white space"), "{spaced}");
    }

    #[test]
    fn accounts_url_follows_the_platform_unless_set() {
        for (variables, accounts) in [
            (vec![], "https://accounts.feishu.cn"),
            (
                vec![("FEISHU_REGION", "lark")],
                "https://accounts.larksuite.com",
            ),
            (
                vec![("FEISHU_BASE_URL", "http://127.0.0.1:9/")],
                "http://127.0.0.1:9",
            ),
            (
                vec![
                    ("FEISHU_ACCOUNTS_URL", "https://accounts.example.com/"),
                    ("FEISHU_REGION", "lark"),
                ],
                "https://accounts.example.com",
            ),
        ] {
            let config = Config::read(None, &variables.into_iter().collect()).unwrap();
            assert_eq!(config.feishu.accounts(), accounts);
            assert!(find(&config).is_empty());
        }
        let wrong = [("FEISHU_ACCOUNTS_URL", "accounts.feishu.cn")];
        let config = Config::read(None, &wrong.into_iter().collect()).unwrap();
        let problems = find(&config);
        assert!(
            problems[0].what.starts_with("`feishu.accounts_url` is"),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 1);
    }
}
