//! Apps that people create by scanning a QR code, with the SDKs' own clients.

use std::time::Duration;

use feishu_sim::{Endpoint, LarkReport, Person, RateLimits, Simulator};
use serde_json::{Value, json};

use crate::driver::{Driver, Sdk, settings};
use crate::report;

struct Bench {
    sim: Simulator,
    driver: Driver,
    olga: Person,
}

impl Bench {
    async fn new(sdk: Sdk) -> Self {
        let sim = Simulator::builder().rate_limits(RateLimits::Off);
        let sim = sim.start().await.unwrap();
        // The SDKs wait for wall time, but the simulator's clock is stopped.
        sim.change_behaviour(|behaviour| behaviour.registration.poll_interval = Duration::ZERO);
        let olga = sim.add_person("Olga");
        let driver = Driver::start(sdk).await;
        Self { sim, driver, olga }
    }

    /// The link for the person.
    async fn begin(&mut self, app_id: Option<&str>) -> String {
        let order = json!({
            "base_url": self.sim.base_url(), "create_only": app_id.is_none(), "app_id": app_id,
            "addons": {
                "preset": false,
                "scopes": {"tenant": ["im:chat:readonly"], "user": ["offline_access"]},
                "events": {"items": {"tenant": ["im.message.receive_v1"]}},
                "callbacks": {"items": ["card.action.trigger"]},
            },
        });
        let begun = self.driver.ask("register", order).await;
        assert_eq!(begun["life"], 600);
        begun["url"].as_str().unwrap().to_owned()
    }

    async fn end(&mut self) -> Value {
        self.driver.ask("wait_for_the_app", json!({})).await
    }

    /// A call with id and secret succeeds.
    async fn assert_works(&mut self, bot: &Simulator) {
        self.driver.ask("login", settings(bot)).await;
        let order = json!({
            "endpoint": "ListScopes", "path": {}, "query": {}, "body": null, "method": "GET",
            "uri": "/open-apis/application/v6/scopes",
        });
        let called = self.driver.ask("call", order).await;
        assert_eq!(called["answer"]["code"], 0, "{called}");
    }
}

fn names(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().collect()
}

#[tokio::test]
async fn sdks_create_an_app() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk).await;
        let link = bench.begin(None).await;
        let bot = bench.sim.scan(&link, &bench.olga).unwrap();
        let (made, app) = (bench.end().await, bot.app());
        assert_eq!(made["client_id"], json!(app.app_id), "{sdk:?}: {made}");
        assert_eq!(made["client_secret"], json!(app.app_secret), "{sdk:?}");
        assert_eq!(made["user_info"]["tenant_brand"], "feishu", "{sdk:?}");
        assert_eq!(names(app.scopes), ["im:chat:readonly"], "{sdk:?}");
        assert_eq!(names(app.user_scopes), ["offline_access"], "{sdk:?}");
        let published = app.published.unwrap();
        assert_eq!(
            names(published.events),
            ["im.message.receive_v1"],
            "{sdk:?}"
        );
        assert_eq!(
            names(published.callbacks),
            ["card.action.trigger"],
            "{sdk:?}"
        );
        bench.assert_works(&bot).await;
        assert_eq!(bench.sim.violations(), [""; 0], "{sdk:?}");
    }
}

#[tokio::test]
async fn sdks_change_an_app() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk).await;
        bench.sim.change_app(|app| app.scopes.clear());
        let app = bench.sim.app();
        let link = bench.begin(Some(&app.app_id)).await;
        bench.sim.scan(&link, &bench.olga).unwrap();
        let made = bench.end().await;
        assert_eq!(made["client_id"], json!(app.app_id), "{sdk:?}: {made}");
        assert_eq!(
            names(bench.sim.app().scopes),
            ["im:chat:readonly"],
            "{sdk:?}"
        );
    }
}

#[tokio::test]
async fn sdks_find_the_app_of_a_lark_user() {
    let mut did: [Vec<usize>; 3] = Default::default();
    for sdk in Sdk::ALL {
        let reports = [LarkReport::Pending, LarkReport::AppId, LarkReport::Secret];
        for (row, report) in reports.into_iter().enumerate() {
            let mut bench = Bench::new(sdk).await;
            bench
                .sim
                .change_behaviour(|behaviour| behaviour.registration.lark = Some(report));
            let link = bench.begin(None).await;
            let bot = bench.sim.scan(&link, &bench.olga).unwrap();
            let made = bench.end().await;
            assert_eq!(
                made["client_secret"],
                json!(bot.app().app_secret),
                "{sdk:?} {report:?}"
            );
            did[row].push(bench.sim.calls_to(Endpoint::LarkAppRegistration).len());
        }
    }
    let [pending, app_id, secret] = did;
    assert_eq!([&pending, &app_id], [&[1, 1]; 2]);
    report::compare(
        "registration: polls at Lark's host after a secret from Feishu's",
        &secret,
    );
}

#[tokio::test]
async fn sdks_report_why_there_is_no_app() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk).await;
        let refused = bench.begin(None).await;
        bench.sim.refuse_scan(&refused).unwrap();
        assert_eq!(bench.end().await["refusal"], "access_denied", "{sdk:?}");
        bench.begin(None).await;
        bench.sim.clock().advance(Duration::from_mins(10));
        assert_eq!(bench.end().await["refusal"], "expired_token", "{sdk:?}");
    }
}
