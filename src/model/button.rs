//! Buttons on the bot's cards.

use feishu::ChatId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::CommandName;
use crate::language::Language;
use crate::model::job::JobRef;
use crate::model::settings::SettingChange;

/// The value of a button, which the platform returns when the button is pressed.
///
/// It names a change or a schedule by its job, so its meaning never changes. Whether the change can
/// still be reverted is checked when the button is pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Button {
    pub(crate) action: ButtonAction,
    /// The language of the card with the button.
    pub(crate) language: Language,
}

/// The action of a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ButtonAction {
    /// Revert this change; on a history card.
    Undo(JobRef),
    /// Cancel this schedule; on a history card.
    Cancel(JobRef),
    /// Cancel this schedule; on the card that announced it.
    CancelThis(JobRef),
    /// Pause this series; on a history card.
    Pause(JobRef),
    /// Continue this series; on a history card.
    Resume(JobRef),
    /// Approve this proposal.
    Approve(JobRef),
    /// Decline this proposal.
    Decline(JobRef),
    /// Revert this broadcast in all groups.
    Retract(JobRef),
    /// Repeat what failed of this broadcast.
    Redeliver(JobRef),
    /// Publish what this preview shows.
    Publish(PreviewRef),
    /// Discard this preview.
    Discard(PreviewRef),
    /// Show all commands; on a help card.
    ShowCommands,
    /// Change a setting; on a settings card.
    Set {
        /// The group of the card. A card can be forwarded.
        chat: ChatId,
        change: SettingChange,
    },
}

impl ButtonAction {
    /// The command with the same effect, if there is one.
    pub(crate) fn command(&self) -> Option<CommandName> {
        Some(match self {
            Self::Undo(_) | Self::Retract(_) => CommandName::Undo,
            Self::Redeliver(_) => CommandName::Announce,
            Self::Cancel(_) | Self::CancelThis(_) => CommandName::Cancel,
            Self::Pause(_) => CommandName::Pause,
            Self::Resume(_) => CommandName::Resume,
            Self::ShowCommands => CommandName::Help,
            Self::Set { .. } => CommandName::Settings,
            Self::Approve(_) | Self::Decline(_) | Self::Publish(_) | Self::Discard(_) => {
                return None;
            }
        })
    }
}

/// A preview, and where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviewRef {
    pub(crate) job: JobRef,
    /// Whether only its author sees the card, which cannot be updated.
    pub(crate) private: bool,
}

/// The input of the form that declines a proposal.
pub(crate) const REASON: &str = "reason";
/// In characters.
pub(crate) const LONGEST_REASON: u16 = 200;

/// Distinguishes the bot's buttons from those of the app's other cards.
const KEY: &str = "noticebot";

impl Button {
    /// The JSON value to send with the card.
    pub(crate) fn value(&self) -> Value {
        json!({ KEY: self })
    }

    /// Reads the value of a pressed button; `None` if it belongs to another card of the app or to
    /// another release.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value.get(KEY)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::job::JobKind;

    fn button(action: fn(JobRef) -> ButtonAction) -> Button {
        let job_ref = JobRef {
            origin: "om_1".to_owned(),
            kind: JobKind::Publish,
        };
        Button {
            action: action(job_ref),
            language: Language::Zh,
        }
    }

    #[test]
    fn only_own_button_values_are_read() {
        for action in [
            ButtonAction::Undo,
            ButtonAction::Cancel,
            ButtonAction::CancelThis,
            ButtonAction::Pause,
            ButtonAction::Resume,
            ButtonAction::Approve,
            ButtonAction::Decline,
            ButtonAction::Retract,
            ButtonAction::Redeliver,
            |job| ButtonAction::Publish(PreviewRef { job, private: true }),
            |job| {
                ButtonAction::Discard(PreviewRef {
                    job,
                    private: false,
                })
            },
            |_| ButtonAction::ShowCommands,
            |_| ButtonAction::Set {
                chat: "oc_1".into(),
                change: "mode: default → admins".parse().unwrap(),
            },
        ] {
            let button = button(action);
            assert_eq!(Button::read(&button.value()), Some(button));
        }
        let wire = json!({ "noticebot": {
            "action": { "undo": { "origin": "om_1", "kind": "publish" } }, "language": "zh",
        } });
        assert_eq!(button(ButtonAction::Undo).value(), wire);
        for foreign in [
            json!(null),
            json!("undo"),
            json!({ "k": "v" }),
            json!({ "noticebot": { "action": "explode", "language": "zh" } }),
        ] {
            assert_eq!(Button::read(&foreign), None, "{foreign}");
        }
    }
}
