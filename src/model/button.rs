//! Buttons on the bot's cards: what they say when they are pressed, and who
//! waits for an answer then.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::CommandName;
use crate::language::Language;
use crate::model::job::JobRef;

/// A button, as its value comes back from the platform.
///
/// It names a change or a plan by the job that made it, so that it means the
/// same for ever; whether that can still be taken back is found out when it is
/// pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Button {
    pub(crate) action: ButtonAction,
    /// The language of the card that it is on.
    pub(crate) language: Language,
}

/// What pressing it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ButtonAction {
    /// Take back this change; on a card of the history.
    Undo(JobRef),
    /// Drop this plan; on a card of the history.
    Cancel(JobRef),
    /// Drop this plan; on the card that tells of it.
    CancelThis(JobRef),
    /// Show all commands; on a card of help.
    ShowCommands,
}

impl ButtonAction {
    /// The command that asks for the same.
    pub(crate) fn command(&self) -> CommandName {
        match self {
            Self::Undo(_) => CommandName::Undo,
            Self::Cancel(_) | Self::CancelThis(_) => CommandName::Cancel,
            Self::ShowCommands => CommandName::Help,
        }
    }
}

/// Tells the bot's own buttons from those of other cards of the app.
const KEY: &str = "noticebot";

impl Button {
    /// The value that the card carries.
    pub(crate) fn value(&self) -> Value {
        json!({ KEY: self })
    }

    /// Reads the value of a button that was pressed; `None` if it is none of the
    /// bot's, or of another release.
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
    fn a_value_is_read_back_and_foreign_ones_are_not() {
        for action in [
            ButtonAction::Undo,
            ButtonAction::Cancel,
            ButtonAction::CancelThis,
            |_| ButtonAction::ShowCommands,
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
