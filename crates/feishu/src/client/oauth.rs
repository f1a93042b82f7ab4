//! Consent of members, and the tokens that result from it.
//!
//! Official pages as in [`crate::oauth`].

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Client;
use crate::error::InvalidResponse;
use crate::http::{Answer, Http, OAuthBody, OAuthRequest, Request};
use crate::oauth::{
    AuthorizationRequest, CodeExchange, DeviceAuthorization, DevicePoll, TokenTypeHint, UserInfo,
    UserTokens, WireDevice, WireTokens,
};
use crate::oauth_error::OAuthError;
use crate::wire::pairs;
use crate::{Error, TenantKey};

const TOKEN_PATH: &[&str] = &["open-apis", "authen", "v2", "oauth", "token"];

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Client {
    /// The page on which a member consents. It redirects with `code` and `state`, or with
    /// `error=access_denied` and `state`.
    pub fn authorize_url(&self, request: &AuthorizationRequest<'_>) -> String {
        let path = ["open-apis", "authen", "v1", "authorize"];
        let mut url = self.accounts().url(&path);
        // Encoded here, because the platform separates scopes by spaces and not by `+`.
        url.set_query(Some(&pairs(&[
            ("client_id", self.app_id().as_str()),
            ("response_type", "code"),
            ("redirect_uri", request.redirect_uri),
            ("scope", &request.scopes.join(" ")),
            ("state", request.state),
            ("code_challenge", &request.verifier.challenge()),
            ("code_challenge_method", "S256"),
        ])));
        url.into()
    }

    /// Exchanges a code, which is used up even if the answer is lost.
    ///
    /// Without a token; the app's secret is enough.
    pub async fn exchange_code(&self, exchange: &CodeExchange<'_>) -> Result<UserTokens, Error> {
        let body = self.token_body(json!({
            "grant_type": "authorization_code",
            "code": exchange.code.expose_secret(),
            "redirect_uri": exchange.redirect_uri,
            "code_verifier": exchange.verifier.secret().expose_secret(),
        }));
        let answer = self.issue_user_token("exchange_code", body).await?;
        tokens(&answer)
    }

    /// Renews an access token. The refresh token works once, so this must not run twice at a time
    /// for one grant, and the new tokens have to be stored before they are used.
    ///
    /// Without a token; the app's secret is enough.
    ///
    /// # Errors
    ///
    /// [`Class::GrantEnded`](crate::codes::Class::GrantEnded) ends the grant. After an error with
    /// [`Error::may_have_taken_effect`] the refresh token may have been used up; one retry with it
    /// tells. After any other error it is as valid as before.
    pub async fn refresh_user_token(
        &self,
        refresh_token: &SecretString,
    ) -> Result<UserTokens, Error> {
        let body = self.token_body(json!({
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose_secret(),
        }));
        let answer = self.issue_user_token("refresh_user_token", body).await?;
        tokens(&answer)
    }

    /// Starts a device flow: the member consents on a page, and no redirect URL is needed.
    ///
    /// Without a token; the app's secret is enough.
    pub async fn start_device_flow(&self, scopes: &[&str]) -> Result<DeviceAuthorization, Error> {
        let scope = scopes.join(" ");
        let fields = [("client_id", self.app_id().as_str()), ("scope", &*scope)];
        let answer = self
            .send_to_accounts(OAuthRequest {
                endpoint: "start_device_flow",
                path: &["oauth", "v1", "device_authorization"],
                body: OAuthBody::FormWithBasic(self.secret(), &fields),
            })
            .await?;
        answer.whole().map(|wire: WireDevice| wire.into())
    }

    /// Asks for the result of a device flow.
    ///
    /// Without a token; the app's secret is enough.
    pub async fn poll_device_flow(&self, device_code: &SecretString) -> Result<DevicePoll, Error> {
        let body = self.token_body(json!({
            "grant_type": DEVICE_GRANT,
            "device_code": device_code.expose_secret(),
        }));
        match self.issue_user_token("poll_device_flow", body).await {
            Ok(answer) => tokens(&answer).map(DevicePoll::Granted),
            Err(Error::Api(refusal)) => match refusal.oauth_error {
                Some(OAuthError::AuthorizationPending) => Ok(DevicePoll::Pending),
                Some(OAuthError::SlowDown) => Ok(DevicePoll::SlowDown),
                Some(OAuthError::AccessDenied) => Ok(DevicePoll::Denied),
                Some(OAuthError::ExpiredToken | OAuthError::InvalidGrant) => {
                    Ok(DevicePoll::Expired)
                }
                _ => Err(Error::Api(refusal)),
            },
            Err(error) => Err(error),
        }
    }

    /// Revokes a token; a refresh token with its whole grant.
    ///
    /// Without a token; the app's secret is enough.
    pub async fn revoke_user_token(
        &self,
        token: &SecretString,
        hint: TokenTypeHint,
    ) -> Result<(), Error> {
        let app = self.secret();
        let fields = [
            ("client_id", app.app_id.as_str()),
            ("client_secret", app.app_secret.expose_secret()),
            ("token", token.expose_secret()),
            ("token_type_hint", hint.as_str()),
        ];
        let request = OAuthRequest {
            endpoint: "revoke_user_token",
            path: &["oauth", "v1", "revoke"],
            body: OAuthBody::Form(&fields),
        };
        self.send_to_accounts(request).await.map(drop)
    }

    /// The member to whom an access token belongs. A new grant is only to be kept if both this
    /// person and this tenant are those that were asked.
    ///
    /// With that token; the credentials of this client do not matter.
    pub async fn user_info(&self, access_token: &SecretString) -> Result<UserInfo, Error> {
        let path = ["authen", "v1", "user_info"];
        let request = Request::get("user_info", &path);
        let api = (self.credentials.tenant(), request.endpoint);
        let call = self.http().send(&request, Some(access_token));
        self.inner.limits.observe(api, call).await?.data()
    }

    /// A body for the token endpoint. A second way to name the secret would be refused.
    fn token_body(&self, mut body: Value) -> Value {
        let app = self.secret();
        body["client_id"] = json!(app.app_id);
        body["client_secret"] = json!(app.app_secret.expose_secret());
        body
    }

    async fn issue_user_token(&self, endpoint: &'static str, body: Value) -> Result<Answer, Error> {
        let request = OAuthRequest {
            endpoint,
            path: TOKEN_PATH,
            body: OAuthBody::Json(body),
        };
        self.send_oauth(self.http(), request).await
    }

    async fn send_to_accounts(&self, request: OAuthRequest<'_>) -> Result<Answer, Error> {
        self.send_oauth(self.accounts(), request).await
    }

    async fn send_oauth(&self, host: &Http, request: OAuthRequest<'_>) -> Result<Answer, Error> {
        let api = (&TenantKey::OWN, request.endpoint);
        let call = host.send_oauth(request);
        self.inner.limits.observe(api, call).await
    }
}

fn tokens(answer: &Answer) -> Result<UserTokens, Error> {
    let wire: WireTokens = answer.whole()?;
    wire.read()
        .ok_or_else(|| answer.invalid(InvalidResponse::Shape))
}
