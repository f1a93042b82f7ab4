//! Events of a store app: its tickets, and the tenants that install and remove it.
//!
//! Official pages `application-v6/event/{app_ticket-events,app-first-enabled,app-enabled-or-disabled,
//! app-uninstalled}`. All of them have the shape before 2021.

use secrecy::SecretString;
use serde_json::value::RawValue;

use crate::lenient::Json;

const APP_TICKET: &str = "app_ticket";
/// The type of the event of a tenant that installs the app.
pub const APP_OPEN: &str = "app_open";
/// The type of the event of a tenant that stops or starts the app.
pub const APP_STATUS_CHANGE: &str = "app_status_change";
/// The type of the event of a tenant that uninstalls the app.
pub const APP_UNINSTALLED: &str = "app_uninstalled";

/// An event of a store app.
#[derive(Debug, Clone)]
pub enum AppEvent {
    /// A ticket, for all tenants. A secret.
    Ticket(SecretString),
    /// A tenant installed the app or started it again.
    Started,
    /// The tenant or the platform stopped the app.
    Stopped,
    /// The tenant uninstalled the app or was dissolved.
    Uninstalled,
}

impl AppEvent {
    /// Reads the `event` object; `None` for other types, and without a required field.
    pub fn read(event_type: &str, event: &RawValue) -> Option<Self> {
        let field = |name| Json::from(event).field(name).and_then(Json::non_empty);
        Some(match event_type {
            APP_TICKET => Self::Ticket(field("app_ticket")?.into_owned().into()),
            APP_OPEN => Self::Started,
            APP_STATUS_CHANGE => match &*field("status")? {
                "start_by_tenant" => Self::Started,
                "stop_by_tenant" | "stop_by_platform" => Self::Stopped,
                _ => return None,
            },
            APP_UNINSTALLED => Self::Uninstalled,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn read(event_type: &str, event: &Value) -> Option<AppEvent> {
        AppEvent::read(event_type, &to_raw_value(event).unwrap())
    }

    #[test]
    fn events_of_an_app_are_read() {
        let ticket = json!({ "app_id": "cli_1", "app_ticket": "t1", "type": "app_ticket" });
        let Some(AppEvent::Ticket(value)) = read("app_ticket", &ticket) else {
            panic!("no ticket");
        };
        assert_eq!(value.expose_secret(), "t1");
        let status = |status: &str| read("app_status_change", &json!({ "status": status }));
        assert!(matches!(status("start_by_tenant"), Some(AppEvent::Started)));
        assert!(matches!(status("stop_by_tenant"), Some(AppEvent::Stopped)));
        assert!(matches!(
            status("stop_by_platform"),
            Some(AppEvent::Stopped)
        ));
        assert!(status("suspended").is_none());
        assert!(matches!(
            read("app_open", &json!({})),
            Some(AppEvent::Started)
        ));
        let uninstalled = read("app_uninstalled", &json!({}));
        assert!(matches!(uninstalled, Some(AppEvent::Uninstalled)));
    }

    #[test]
    fn a_ticket_without_a_value_is_none() {
        for event in [
            json!({}),
            json!({ "app_ticket": "" }),
            json!({ "app_ticket": {} }),
            json!(7),
        ] {
            assert!(read("app_ticket", &event).is_none(), "{event}");
        }
        assert!(read("order_paid", &json!({})).is_none());
    }

    #[test]
    fn a_ticket_is_not_printed() {
        let ticket = read("app_ticket", &json!({ "app_ticket": "s3cret" }));
        assert!(!format!("{ticket:?}").contains("s3cret"));
    }
}
