//! A client without any knowledge of the platform but its paths.

use feishu_sim::{Builder, ChatId, ChatSpec, Person, Simulator};
use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};

/// A simulator, a client with a token, and a group of three people and the bot.
pub(crate) struct Fixture {
    pub(crate) sim: Simulator,
    pub(crate) client: Client,
    pub(crate) token: String,
    pub(crate) lin: Person,
    pub(crate) mia: Person,
}

/// A raw answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or(-1)
    }

    /// HTTP status and code together.
    pub(crate) fn outcome(&self) -> (u16, i64) {
        (self.status, self.code())
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(Simulator::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let sim = builder.start().await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let (lin, mia) = (sim.add_person("Lin"), sim.add_person("Mia"));
        let mut fixture = Self {
            sim,
            client,
            token: String::new(),
            lin,
            mia,
        };
        fixture.token = fixture.fresh_token().await;
        fixture
    }

    pub(crate) async fn fresh_token(&self) -> String {
        let app = self.sim.app();
        let body = json!({"app_id": app.app_id, "app_secret": app.app_secret});
        let got = self
            .call(
                "POST",
                "/open-apis/auth/v3/tenant_access_token/internal",
                Some(body),
            )
            .await;
        got.json()["tenant_access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A group of Lin, the owner, and Mia.
    pub(crate) fn group(&self) -> ChatSpec {
        ChatSpec::named("Ops").owner(&self.lin).member(&self.mia)
    }

    pub(crate) fn chat(&self) -> ChatId {
        self.sim.add_chat(self.group())
    }

    /// A call with the token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        self.try_call(method, path, body).await.unwrap()
    }

    /// A call that may end without an answer.
    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Got, reqwest::Error> {
        let url = format!("{}{path}", self.sim.base_url());
        let mut request = self
            .client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Got {
            status,
            headers,
            text: response.text().await?,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.call("POST", path, Some(body)).await
    }
}

/// The path of a chat's API.
pub(crate) fn chat_path(chat: &ChatId, rest: &str) -> String {
    format!("/open-apis/im/v1/chats/{chat}{rest}")
}

/// The path of a chat's upgraded announcement.
pub(crate) fn docx_path(chat: &ChatId, rest: &str) -> String {
    format!("/open-apis/docx/v1/chats/{chat}/announcement{rest}")
}
