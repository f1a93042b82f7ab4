//! A report of `noticebot check`, and how tests read it.

use noticebot::check::{self, CheckOptions};
use noticebot::config::Config;
use serde_json::Value;

use crate::harness::Bench;

/// A JSON report.
pub(crate) struct Findings(pub(crate) Value);

impl Findings {
    /// The checks with a verdict, as `name: text → remedy`.
    pub(crate) fn of(&self, verdict: &str) -> Vec<String> {
        let checks = self.0["checks"].as_array().unwrap();
        let fitting = checks.iter().filter(|check| check["verdict"] == verdict);
        fitting
            .map(|check| {
                let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
                let (name, text, remedy) = (text("name"), text("text"), text("remedy"));
                assert!(
                    verdict != "bad" || !remedy.is_empty(),
                    "{name} without a remedy"
                );
                format!("{name}: {text} → {remedy}")
            })
            .collect()
    }

    pub(crate) fn the_bad(&self) -> String {
        let bad = self.of("bad");
        let [one] = &bad[..] else {
            panic!("not one problem: {bad:#?}");
        };
        assert_eq!(self.0["good"], false);
        one.clone()
    }

    pub(crate) fn is_good(&self) -> bool {
        let bad = self.of("bad");
        assert_eq!(self.0["good"], bad.is_empty());
        bad.is_empty()
    }

    pub(crate) fn has(&self, verdict: &str, words: &str) -> bool {
        self.of(verdict).iter().any(|line| line.contains(words))
    }
}

impl Bench {
    pub(crate) async fn check_with(&self, config: &Config, options: &CheckOptions) -> Findings {
        let report = check::check(config, self.clock.clone(), options).await;
        assert_eq!(report.is_good(), !report.to_string().contains('✗'));
        Findings(serde_json::from_str(&report.to_json().unwrap()).unwrap())
    }

    pub(crate) async fn check(&self, change: impl FnOnce(&mut Config)) -> Findings {
        let mut config = self.config();
        change(&mut config);
        self.check_with(&config, &CheckOptions::default()).await
    }

    pub(crate) async fn check_chat(&self, chat: &str) -> Findings {
        let options = CheckOptions {
            tenant: None,
            chat: Some(chat.to_owned()),
            url: None,
        };
        self.check_with(&self.config(), &options).await
    }

    pub(crate) async fn check_url(&self, url: &str) -> Findings {
        let options = CheckOptions {
            tenant: None,
            chat: None,
            url: Some(url.parse().unwrap()),
        };
        self.check_with(&self.config(), &options).await
    }
}
