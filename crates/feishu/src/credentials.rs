//! Who calls the platform: an app, and in whose name.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{AppId, OpenId, TenantKey};

/// The kind of an app, which decides how it gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// Built by a tenant for itself.
    Custom,
    /// Published in the app store and installed by any number of tenants.
    Store,
}

/// In whose name a call is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// The app's bot in a tenant, by a `tenant_access_token`.
    Bot(TenantKey),
    /// A member of a tenant, by a `user_access_token` of
    /// [`MemberTokens`](crate::MemberTokens).
    Member(TenantKey, OpenId),
}

impl Credentials {
    /// The tenant in which the call is made.
    pub fn tenant(&self) -> &TenantKey {
        match self {
            Self::Bot(tenant) | Self::Member(tenant, _) => tenant,
        }
    }
}

/// The app's id and secret.
#[derive(Debug, Clone)]
pub(crate) struct AppSecret {
    pub(crate) app_id: AppId,
    pub(crate) app_secret: SecretString,
}

impl AppSecret {
    /// A body with both and more fields, for the endpoints that issue tokens.
    pub(crate) fn with(&self, more: &[(&str, &str)]) -> Value {
        let mut body = json!({
            "app_id": self.app_id,
            "app_secret": self.app_secret.expose_secret(),
        });
        for (name, value) in more {
            body[*name] = json!(value);
        }
        body
    }

    /// The body of the request for the endpoint of a long connection.
    pub(crate) fn long_connection_body(&self) -> Value {
        json!({ "AppID": self.app_id, "AppSecret": self.app_secret.expose_secret() })
    }
}
