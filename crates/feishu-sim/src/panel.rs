//! The commands in the `/` panel of an app.

use serde_json::{Value, json};

use crate::simulator::Simulator;
use crate::slash_command::SlashCommand;
use crate::state::State;

impl State {
    /// The panel of the present app as clients show it: the newest second first. Commands of the same
    /// second have no order; here it is the wrong one.
    pub fn panel(&self) -> Vec<&SlashCommand> {
        let mut panel: Vec<_> = self.apps.present().panel.iter().collect();
        panel.sort_by_key(|command| std::cmp::Reverse(command.created_ms / 1000));
        panel
    }

    /// Adds a command without a check.
    pub(crate) fn add_slash_command(&mut self, name: &str, description: Value) -> SlashCommand {
        let command = SlashCommand {
            id: format!("7{:018}", self.ids.number()),
            name: name.to_owned(),
            description,
            icon: "skill_outlined".to_owned(),
            created_ms: self.now(),
            tenant: self.caller.clone(),
        };
        self.apps.present_mut().panel.push(command.clone());
        command
    }
}

impl Simulator {
    /// See [`State::panel`].
    pub fn panel(&self) -> Vec<SlashCommand> {
        self.read(|state| state.panel().into_iter().cloned().collect())
    }

    /// Another program adds a command to the panel.
    pub fn add_slash_command(&self, name: &str) -> SlashCommand {
        let description = json!({"default_value": format!("{name} of another program")});
        self.change(|state| state.add_slash_command(name, description))
    }

    /// As if an earlier release of the app had made the command under another name.
    pub fn rename_slash_command(&self, from: &str, to: &str) {
        self.change(|state| {
            let panel = state.apps.present_mut().panel.iter_mut();
            let renamed = panel.filter(|command| command.name == from);
            renamed.for_each(|command| to.clone_into(&mut command.name));
        });
    }

    /// Another program removes a command from the panel.
    pub fn remove_slash_command(&self, name: &str) {
        self.change(|state| {
            let panel = &mut state.apps.present_mut().panel;
            panel.retain(|command| command.name != name);
        });
    }
}
