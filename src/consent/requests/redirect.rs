//! The redirect flow: a link to this bot, the platform's page, and the way back.

use feishu::{AuthorizationRequest, CodeExchange, CodeVerifier, random_secret};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{ConsentError, Consents, VisitEnd, user_scopes};
use crate::consent::keys::context;
use crate::model::grant::{ConsentFlow, Member, PendingConsent};

/// Separates the parts of a cookie.
const SEPARATOR: char = ' ';

/// The start of a visit: where the browser goes, and the cookie that it brings back.
pub(crate) struct Visit {
    pub(crate) location: String,
    pub(crate) cookie: String,
}

impl Consents {
    pub(super) fn redirect_request(
        &self,
        member: &Member,
        public_url: &str,
    ) -> Result<PendingConsent, ConsentError> {
        let secret = random_secret().map_err(|_| ConsentError::Internal)?;
        let ticket = self.seal(&secret, &self.context("ticket"))?;
        let ticket = SecretString::from(ticket);
        let link = format!("{public_url}/oauth/start?ticket={}", ticket.expose_secret());
        Ok(PendingConsent {
            member: member.clone(),
            link: self.seal(&link.into(), &context(member, "link"))?,
            expires_at: self.0.clock.now() + self.0.wait,
            flow: ConsentFlow::Redirect {
                ticket: hash(&ticket),
            },
        })
    }

    /// Starts a visit with the secret of a link. Nothing is stored: programs that preview links
    /// visit them, too.
    pub(crate) async fn visit(&self, ticket: &SecretString) -> Result<Option<Visit>, ConsentError> {
        // Anybody can send a ticket; one of somebody else costs no query.
        let known = self.open(ticket.expose_secret(), &self.context("ticket"));
        if known.is_none() {
            return Ok(None);
        }
        let ticket = hash(ticket);
        let consent = self.0.store.consent_by_ticket(&ticket).await?;
        let (Some(_), Some(redirect_uri)) = (consent, self.redirect_uri()) else {
            return Ok(None);
        };
        let state = random_secret().map_err(|_| ConsentError::Internal)?;
        let verifier = CodeVerifier::random().map_err(|_| ConsentError::Internal)?;
        let scopes = user_scopes();
        let location = self.0.client.authorize_url(&AuthorizationRequest {
            redirect_uri: &redirect_uri,
            scopes: &scopes,
            state: state.expose_secret(),
            verifier: &verifier,
        });
        let parts = [
            &*ticket,
            state.expose_secret(),
            verifier.secret().expose_secret(),
        ];
        let cookie = parts.join(&SEPARATOR.to_string());
        Ok(Some(Visit {
            location,
            cookie: self.seal(&cookie.into(), &self.context("cookie"))?,
        }))
    }

    /// Binds an encrypted value to its use.
    fn context(&self, r#use: &str) -> String {
        [&self.0.app, r#use].join("\n")
    }

    /// Ends a visit: `cookie` and `state` must belong together, and `code` is `None` if the member
    /// declined.
    pub(crate) async fn finish(
        &self,
        cookie: &str,
        state: &SecretString,
        code: Option<&SecretString>,
    ) -> Result<VisitEnd, ConsentError> {
        let cookie = self.open(cookie, &self.context("cookie"));
        let Some(cookie) = cookie else {
            return Ok(VisitEnd::Invalid);
        };
        let mut parts = cookie.expose_secret().split(SEPARATOR);
        let (Some(ticket), Some(known), Some(verifier)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Ok(VisitEnd::Invalid);
        };
        if !bool::from(known.as_bytes().ct_eq(state.expose_secret().as_bytes())) {
            return Ok(VisitEnd::Invalid);
        }
        let consent = self.0.store.consent_by_ticket(ticket).await?;
        let (Some(consent), Some(redirect_uri)) = (consent, self.redirect_uri()) else {
            return Ok(VisitEnd::Invalid);
        };
        let Some(code) = code else {
            self.0.store.end_consent(&consent.member).await?;
            return Ok(VisitEnd::Declined);
        };
        let (consents, code) = (self.clone(), code.clone());
        let verifier = CodeVerifier::stored(verifier.into());
        // A code works once, also if the member closes the page.
        let exchange = async move {
            let exchange = CodeExchange {
                code: &code,
                redirect_uri: &redirect_uri,
                verifier: &verifier,
            };
            consents.exchange(&consent.member, &exchange).await
        };
        let end = self.0.grants.uninterrupted(exchange).await;
        end.unwrap_or(Err(ConsentError::Internal))
    }

    async fn exchange(
        &self,
        member: &Member,
        exchange: &CodeExchange<'_>,
    ) -> Result<VisitEnd, ConsentError> {
        let asked_at = self.0.clock.now();
        match self.0.client.exchange_code(exchange).await {
            Ok(tokens) => self.keep(member, &tokens, asked_at).await,
            Err(error) => {
                tracing::warn!(error = %error, "could not exchange a code for a member's tokens");
                Ok(VisitEnd::Failed)
            }
        }
    }
}

/// What is stored of the secret in a link.
fn hash(ticket: &SecretString) -> String {
    let hash = Sha256::digest(ticket.expose_secret());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(hash)
}
