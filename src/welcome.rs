//! Finds settings of a new group that restrict the bot.

use feishu::{AppId, Chat};

use crate::model::rights::{BotPermission, GroupSetting, MissingCapability};
use crate::policy;

pub(crate) fn barred_by(group: &Chat, bot: &AppId) -> Vec<MissingCapability> {
    let settings = [GroupSetting::PinManageSetting, GroupSetting::EditPermission];
    let missing = |setting| match policy::bot_permission(bot, setting, group) {
        BotPermission::Barred(setting) => Some(MissingCapability::Barred(setting)),
        BotPermission::SettingUnknown(setting) => Some(MissingCapability::SettingUnknown(setting)),
        BotPermission::Open | BotPermission::Admin => None,
    };
    settings.into_iter().filter_map(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use GroupSetting::{EditPermission, PinManageSetting};

    #[test]
    fn group_settings_restrict_a_bot_without_admin_role() {
        let check =
            |pin: Option<&str>, edit: &str, admins: &[&str], lacks: &[MissingCapability]| {
                let group = serde_json::from_value(serde_json::json!({
                    "pin_manage_setting": pin,
                    "edit_permission": edit,
                    "bot_manager_id_list": admins,
                }))
                .unwrap();
                let found = barred_by(&group, &AppId::from("cli_1"));
                assert_eq!(found, lacks, "{group:?}");
            };
        let (open, closed) = ("all_members", "only_owner");
        check(Some(open), open, &[], &[]);
        check(Some(closed), closed, &["cli_1"], &[]);
        check(None, closed, &["cli_1"], &[]);
        let pin = [MissingCapability::Barred(PinManageSetting)];
        let edit = [MissingCapability::Barred(EditPermission)];
        check(Some(closed), open, &[], &pin);
        check(Some(open), closed, &["cli_2"], &edit);
        check(Some(closed), closed, &["cli_2"], &[pin, edit].concat());
        check(
            None,
            open,
            &[],
            &[MissingCapability::SettingUnknown(PinManageSetting)],
        );
    }
}
