//! A store app in two tenants, served by the SDKs: the ticket comes as an event, and each tenant has its
//! own token.

use feishu_sim::{Attempt, ChatId, ChatSpec, Endpoint, RateLimits, Simulator};
use serde_json::{Value, json};

use crate::driver::{Driver, PUSH_DEADLINE, Sdk, settings};
use crate::report;

const TENANTS: [&str; 2] = ["tenant_one", "tenant_two"];

struct Bench {
    sim: Simulator,
    driver: Driver,
    /// The SDK's webhook; the simulator gets its address later.
    url: String,
    chats: [ChatId; 2],
}

impl Bench {
    async fn new(sdk: Sdk) -> Self {
        let sim = Simulator::builder()
            .follow_system_clock()
            .rate_limits(RateLimits::Off)
            .push_deadline(PUSH_DEADLINE);
        let sim = sim.store_app().start().await.unwrap();
        let chats = TENANTS.map(|tenant| {
            sim.install(tenant);
            let olga = sim.add_person_of(tenant, "Olga");
            sim.add_chat(ChatSpec::named(tenant).owner(&olga))
        });
        let mut driver = Driver::start(sdk).await;
        let mut app = settings(&sim);
        app["store_app"] = json!(true);
        let served = driver.ask("serve", app.clone()).await;
        driver.ask("login", app).await;
        Self {
            sim,
            driver,
            url: served["url"].as_str().unwrap().to_owned(),
            chats,
        }
    }

    /// Reads the group of a tenant.
    async fn read(&mut self, number: usize) -> Value {
        let order = json!({
            "endpoint": "GetChat", "path": {"chat_id": self.chats[number].as_str()},
            "query": {}, "body": Value::Null, "method": "", "uri": "",
            "tenant_key": TENANTS[number],
        });
        self.driver.ask("call", order).await["answer"].clone()
    }

    fn calls(&self, endpoint: Endpoint) -> usize {
        self.sim.calls_to(endpoint).len()
    }
}

#[tokio::test]
async fn sdks_serve_the_tenants_of_a_store_app() {
    let mut did: [Vec<String>; 4] = Default::default();
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk).await;
        let early = bench.read(0).await;
        did[0].push(format!("refused, {}", early["code"]));
        // Without a ticket the SDKs send requests that cannot succeed.
        let violations = bench.sim.violations().len();
        let asked = bench.calls(Endpoint::ResendAppTicket);
        did[1].push(if asked > 0 { "by itself" } else { "never" }.to_owned());

        bench.sim.set_webhook(&bench.url);
        let before = bench.sim.pushes().len();
        let resent = bench
            .driver
            .ask("resend_ticket", settings(&bench.sim))
            .await;
        assert_eq!(resent["code"], 0, "{sdk:?}");
        let taken = bench.sim.wait_for("the ticket", |state| {
            let push = state.pushes().get(before)?;
            push.attempts.first().map(Attempt::is_taken)
        });
        assert!(taken.await, "{sdk:?} refuses the ticket");

        let app_tokens = bench.calls(Endpoint::AppAccessToken);
        for _ in 0..2 {
            for (number, tenant) in TENANTS.iter().enumerate() {
                let answer = bench.read(number).await;
                assert_eq!(answer["code"], 0, "{sdk:?}: {answer}");
                assert_eq!(answer["data"]["name"], *tenant, "{sdk:?}");
            }
        }
        let of_tenants = bench.sim.calls_to(Endpoint::StoreTenantAccessToken);
        let keys: Vec<&Value> = of_tenants
            .iter()
            .map(|call| &call.body["tenant_key"])
            .collect();
        assert_eq!(keys, TENANTS, "{sdk:?}");
        let fields = of_tenants[0].body.as_object().unwrap().len();
        did[3].push(fields.to_string());
        let app_tokens = bench.calls(Endpoint::AppAccessToken) - app_tokens;
        did[2].push(app_tokens.to_string());

        let elsewhere = json!({
            "endpoint": "DeleteTopNotice", "path": {"chat_id": bench.chats[1].as_str()},
            "query": {}, "body": Value::Null, "method": "", "uri": "", "tenant_key": TENANTS[0],
        });
        let refused = bench.driver.ask("call", elsewhere).await;
        assert_eq!(refused["answer"]["code"], 232_010, "{sdk:?}");

        bench.sim.expire_tickets();
        bench.sim.expire_tokens();
        let expired = bench.read(0).await;
        assert_eq!(expired["code"], 99_991_663, "{sdk:?} keeps its token");
        assert_eq!(bench.sim.violations().len(), violations, "{sdk:?}");
    }
    let [early, asked, app_tokens, fields] = did;
    report::compare("store app: a call before the first ticket", &early);
    report::compare("store app: asks for a ticket", &asked);
    report::compare("store app: app tokens for two tenants", &app_tokens);
    report::compare(
        "store app: fields of a request for a tenant's token",
        &fields,
    );
}
