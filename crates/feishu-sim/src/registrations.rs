//! Device flows in which a person creates an app by scanning a QR code. They are on no page of the
//! server API; they are as the official SDKs and command line client use them.

use std::collections::HashMap;
use std::time::Duration;

use crate::ids::{AppIndex, Ids};

/// How the platform behaves when an app is created.
#[derive(Clone, Debug)]
pub struct RegistrationBehaviour {
    /// The least time between two polls.
    pub poll_interval: Duration,
    /// How long a link is valid.
    pub life: Duration,
    /// The field that has this time: `expire_in`, or `expires_in` as earlier.
    pub life_field: &'static str,
    /// The status of an answer to a poll that is not the final one: 400 or 200.
    pub pending_status: u16,
    /// The person is of Lark, and how Feishu's host says so; `None` for Feishu.
    pub lark: Option<LarkReport>,
    /// Scopes that an admin has to approve before they are granted.
    pub to_approve: Vec<String>,
    /// The page ignores what the link asks for, as for organizations without this feature.
    pub ignores_addons: bool,
    /// The app authenticates with a private key and has no secret.
    pub without_secret: bool,
}

/// With what Feishu's host says that the person is of Lark. The app is then at Lark's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LarkReport {
    /// An answer that is still pending.
    Pending,
    /// The id of the app.
    AppId,
    /// Id and secret.
    Secret,
}

impl Default for RegistrationBehaviour {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(5),
            life: Duration::from_mins(10),
            life_field: "expire_in",
            pending_status: 400,
            lark: None,
            to_approve: Vec::new(),
            ignores_addons: false,
            without_secret: false,
        }
    }
}

/// One flow.
#[derive(Debug)]
pub(crate) struct AppRegistration {
    pub(crate) user_code: String,
    pub(crate) expires_ms: u64,
    pub(crate) polled_ms: Option<u64>,
    /// Feishu's host has said that the person is of Lark.
    pub(crate) is_lark_reported: bool,
    pub(crate) state: RegistrationState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RegistrationState {
    Pending,
    Refused,
    /// By the person with this open id.
    Confirmed {
        app: AppIndex,
        open_id: String,
    },
    /// The app's secret was handed out.
    Spent,
}

/// The flows by device code.
#[derive(Debug, Default)]
pub(crate) struct Registrations(HashMap<String, AppRegistration>);

impl Registrations {
    /// Returns device code and user code.
    pub(crate) fn begin(&mut self, expires_ms: u64, ids: &mut Ids) -> (String, String) {
        let device_code = ids.prefixed("registration-");
        let code = ids.hex().to_uppercase();
        let user_code = format!("{}-{}", &code[..4], &code[4..8]);
        let flow = AppRegistration {
            user_code: user_code.clone(),
            expires_ms,
            polled_ms: None,
            is_lark_reported: false,
            state: RegistrationState::Pending,
        };
        self.0.insert(device_code.clone(), flow);
        (device_code, user_code)
    }

    pub(crate) fn polled(&mut self, device_code: &str) -> Option<&mut AppRegistration> {
        self.0.get_mut(device_code)
    }

    /// The flow of a link that nobody has used.
    pub(crate) fn open(&mut self, user_code: &str, now_ms: u64) -> Option<&mut AppRegistration> {
        let mut flows = self.0.values_mut();
        let flow = flows.find(|flow| flow.user_code == user_code)?;
        let is_open = flow.state == RegistrationState::Pending && now_ms < flow.expires_ms;
        is_open.then_some(flow)
    }

    /// All device codes.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}
