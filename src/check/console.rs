//! Links into the developer console.
//!
//! The forms are those of larksuite/cli. What has no page of a known address there is reached from
//! the page of the app.

use crate::config::{FeishuConfig, Region};

/// The console of one app; without links if its address is not known.
#[derive(Debug, Default)]
pub(crate) struct Console {
    /// The address of the list of apps, and the app id.
    app: Option<(&'static str, String)>,
}

/// A page of the developer console.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page<'a> {
    /// The list of apps.
    Apps,
    /// The app: credentials, features, versions.
    App,
    /// Events, callbacks and encryption.
    Events,
    /// The dialog that requests these scopes.
    Scopes(&'a [String]),
}

impl Console {
    /// A private deployment has its console somewhere else.
    pub(crate) fn new(config: &FeishuConfig) -> Self {
        let apps = match (config.base_url.as_str(), config.region) {
            ("", Region::Feishu) => Some("https://open.feishu.cn/app"),
            ("", Region::Lark) => Some("https://open.larksuite.com/app"),
            _ => None,
        };
        Self {
            app: apps.map(|apps| (apps, config.app_id.clone())),
        }
    }

    pub(crate) fn link(&self, page: Page<'_>) -> Option<String> {
        let (apps, app) = self.app.as_ref()?;
        Some(match page {
            Page::Apps => (*apps).to_owned(),
            Page::App => format!("{apps}/{app}"),
            Page::Events => format!("{apps}/{app}/event"),
            Page::Scopes(scopes) => format!(
                "{apps}/{app}/auth?q={}&op_from=openapi&token_type=tenant",
                scopes.join(",")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn console(region: &str, base_url: &str) -> Console {
        let environment = [
            ("FEISHU_APP_ID", "cli_1"),
            ("FEISHU_REGION", region),
            ("FEISHU_BASE_URL", base_url),
        ];
        let environment = Environment::from_iter(environment);
        Console::new(&Config::read(None, &environment).unwrap().feishu)
    }

    #[test]
    fn pages_have_the_platforms_addresses() {
        let scopes = ["im:chat", "im:chat:read"].map(str::to_owned);
        for (region, host) in [("feishu", "open.feishu.cn"), ("lark", "open.larksuite.com")] {
            let console = console(region, "");
            for (page, path) in [
                (Page::Apps, ""),
                (Page::App, "/cli_1"),
                (Page::Events, "/cli_1/event"),
                (
                    Page::Scopes(&scopes),
                    "/cli_1/auth?q=im:chat,im:chat:read&op_from=openapi&token_type=tenant",
                ),
            ] {
                let link = format!("https://{host}/app{path}");
                assert_eq!(console.link(page), Some(link));
            }
        }
    }

    #[test]
    fn private_deployments_have_no_links() {
        let console = console("feishu", "https://open.example.com");
        assert_eq!(console.link(Page::App), None);
    }
}
