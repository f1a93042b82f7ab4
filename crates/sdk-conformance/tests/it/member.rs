//! Calls as a member, by the SDKs: a code is exchanged for tokens, which are renewed.

use feishu_sim::{ChatId, ChatSpec, Decision, Person, RateLimits, Simulator, WhoMay};
use serde_json::{Value, json};

use crate::driver::{Driver, Sdk, settings};
use crate::report;

const REDIRECT: &str = "https://bot.example.com/oauth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

struct Bench {
    sim: Simulator,
    driver: Driver,
    olga: Person,
}

impl Bench {
    async fn new(sdk: Sdk) -> Self {
        let sim = Simulator::builder().rate_limits(RateLimits::Off);
        let sim = sim.start().await.unwrap();
        sim.change_app(|app| app.redirect_uris.push(REDIRECT.to_owned()));
        let olga = sim.add_person("Olga");
        let mut driver = Driver::start(sdk).await;
        driver.ask("login", settings(&sim)).await;
        Self { sim, driver, olga }
    }

    /// A code, for which the person has consented.
    fn code(&self) -> String {
        let link = format!(
            "{}/open-apis/authen/v1/authorize?client_id={}&response_type=code\
             &redirect_uri={REDIRECT}&scope=im:chat%20offline_access&state=s\
             &code_challenge={VERIFIER}&code_challenge_method=plain",
            self.sim.base_url(),
            self.sim.app().app_id,
        );
        let target = self.sim.decide(&link, &self.olga, Decision::Consent);
        let target = target.unwrap();
        let (_, code) = target.split_once("code=").unwrap();
        code.split('&').next().unwrap().to_owned()
    }

    async fn exchange(&mut self, code: &str, verifier: &str) -> Value {
        let order = json!({
            "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier,
        });
        self.driver.ask("exchange", order).await
    }

    async fn renew(&mut self, refresh_token: &Value) -> Value {
        let order = json!({ "refresh_token": refresh_token });
        self.driver.ask("exchange", order).await
    }

    /// Pins the announcement as the person; returns the code.
    async fn pin(&mut self, chat: &ChatId, token: &Value) -> Value {
        let order = json!({
            "endpoint": "PutTopNotice", "path": {"chat_id": chat.as_str()}, "query": {},
            "body": {"chat_top_notice": [{"action_type": "2"}]}, "method": "", "uri": "",
            "user_access_token": token,
        });
        self.driver.ask("call", order).await["answer"]["code"].clone()
    }

    /// A group in which only the owner may pin, and not the bot.
    fn group(&self, spec: ChatSpec) -> ChatId {
        let closed = spec.pin_manage_setting(Some(WhoMay::OnlyOwner));
        self.sim.add_chat(closed)
    }
}

#[tokio::test]
async fn sdks_act_as_a_member() {
    let mut did: [Vec<String>; 4] = Default::default();
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk).await;
        let refused = bench.exchange(&bench.code(), "wrong").await;
        assert_eq!(refused["code"], 20_049, "{sdk:?}: {refused}");
        let code = bench.code();
        let tokens = bench.exchange(&code, VERIFIER).await;
        assert_eq!(tokens["expires_in"], 7200, "{sdk:?}: {tokens}");
        assert_eq!(tokens["scope"], "im:chat offline_access", "{sdk:?}");
        let again = bench.exchange(&code, VERIFIER).await;
        did[0].push(format!("{} {}", again["code"], text(&again["refusal"])));

        let max = bench.sim.add_person("Max");
        let own = bench.group(ChatSpec::named("Ops").owner(&bench.olga));
        let other = ChatSpec::named("Sales").owner(&max).member(&bench.olga);
        let other = bench.group(other);
        let access = &tokens["access_token"];
        // The bot has no right in the group, and the member has.
        let is_used = bench.pin(&own, access).await == 0;
        did[3].push(if is_used { "used" } else { "ignored" }.to_owned());
        let mut app = settings(&bench.sim);
        app["set_token"] = json!(true);
        bench.driver.ask("login", app).await;
        assert_eq!(bench.pin(&own, access).await, 0, "{sdk:?}");
        let denied = bench.pin(&other, access).await;
        assert_eq!(denied, 232_014, "{sdk:?}: the member has no right");

        let renewed = bench.renew(&tokens["refresh_token"]).await;
        assert!(renewed["refresh_token"].is_string(), "{sdk:?}: {renewed}");
        assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
        let twice = bench.renew(&tokens["refresh_token"]).await;
        did[1].push(format!("{} {}", twice["code"], text(&twice["refusal"])));

        let tokens = bench.exchange(&bench.code(), VERIFIER).await;
        bench.sim.expire_user_tokens();
        let expired = bench.pin(&own, &tokens["access_token"]).await;
        did[2].push(format!("refused, {expired}"));
        assert!(bench.sim.violations().is_empty(), "{sdk:?}");
    }
    let [code, refresh, expired, token] = did;
    report::compare("member: a user token, without `enable_set_token`", &token);
    report::compare("member: a code that was used", &code);
    report::compare("member: a refresh token that was used", &refresh);
    report::compare("member: an expired token", &expired);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
