//! Texts for the platform's error codes: the cause and the remedy.
//!
//! The meanings come from the official pages `group/chat/put_top_notice`,
//! `group/chat-announcement/patch`, `group/upgraded-group-announcement`, `im-v1/message` and the
//! generic error codes. A missing permission is the bot's, because the bot makes the calls, unless it makes
//! them as the member; see `member_codes`.

use feishu::codes;

use super::member_codes;
use super::punctuation::COMMA;
use super::quote::TextFormat;
use crate::language::{Bilingual, Language};
use crate::model::refusal::{Call, Meaning, PlatformRefusal};

/// The cause of a refusal and its remedy.
pub(super) fn explain(refusal: &PlatformRefusal, language: Language) -> String {
    if refusal.as_member
        && let Some(words) = member_codes::explain(refusal, language)
    {
        return words;
    }
    let fields = refusal.fields.join(", ");
    let words = match (refusal.meaning, refusal.code) {
        (Some(meaning), _) => of_meaning(meaning),
        (None, codes::FIELD_INVALID | codes::DOCX_INVALID_PARAM) if !fields.is_empty() => {
            return INVALID_FIELDS.fill(language, fields);
        }
        (None, codes::FIELD_INVALID) => INVALID_FIELD,
        (None, codes::CHAT_INVALID_PARAMETER) => invalid_parameter(refusal.call),
        (None, codes::SCOPE_MISSING) => {
            return missing_scope(&refusal.missing_scopes, TextFormat::Text, language);
        }
        (None, code) => match CODES.iter().find(|row| row.0 == code) {
            Some(&(_, zh, en)) => Bilingual::new(zh, en),
            None => unknown(code),
        },
    };
    words.to(language).to_owned()
}

/// One of several meanings of a code.
fn of_meaning(meaning: Meaning) -> Bilingual {
    match meaning {
        Meaning::OtherTenant => Bilingual::new(
            "该消息属于其他企业，应用无法读取。请将内容作为新消息发在本群，再回复新消息。",
            "That message belongs to another organization, so the app cannot read it. Send its text as a new message here and reply to that one.",
        ),
        Meaning::TokenKind => Bilingual::new(
            "该接口不支持机器人使用的访问凭证类型。请将下面一行提供给机器人管理员。",
            "This call does not support the kind of access token that the bot uses. Give the line below to the bot's admin.",
        ),
        Meaning::UnknownApp => Bilingual::new(
            "该应用不存在。请机器人管理员检查 FEISHU_APP_ID；应用如建在另一平台，请检查 FEISHU_REGION。",
            "The app does not exist. Ask the bot's admin to check FEISHU_APP_ID, and FEISHU_REGION if the app is on the other platform.",
        ),
        Meaning::WrongSecret => Bilingual::new(
            "应用密钥未通过飞书校验。请机器人管理员检查 FEISHU_APP_SECRET。",
            "Feishu rejected the app's secret. Ask the bot's admin to check FEISHU_APP_SECRET.",
        ),
        Meaning::AppDisabled => Bilingual::new(
            "应用未启用或未获授权。请企业管理员在管理后台启用。",
            "The app is disabled or not authorized. Ask the organization's admin to enable it.",
        ),
        Meaning::ScopesNotOffered => Bilingual::new(
            "应用未开通请求授权所需的用户身份权限。请应用管理员在开发者后台的「权限管理」中开通，并发布新版本。",
            "The app may not ask members for the scopes that it needs. Ask the app's admin to grant the user scopes listed in the set-up guide in the developer console, and to publish a new version.",
        ),
    }
}

const INVALID_FIELD: Bilingual = Bilingual::new(
    "请求中有字段不符合飞书要求。请简化内容后重新发送；如反复出现，请将下面一行提供给机器人管理员。",
    "Feishu rejected a field of the request. Simplify the text and send the command again; if it keeps happening, give the line below to the bot's admin.",
);

/// `{}` is what the platform names.
const INVALID_FIELDS: Bilingual = Bilingual::new(
    "请求中的字段 {} 不符合飞书要求。请简化内容后重新发送；如反复出现，请将下面一行提供给机器人管理员。",
    "Feishu rejected the field {} of the request. Simplify the text and send the command again; if it keeps happening, give the line below to the bot's admin.",
);

/// The platform does not say which parameter is wrong; the likely one depends on the call.
fn invalid_parameter(call: Call) -> Bilingual {
    match call {
        Call::PutMessage => Bilingual::new(
            "该消息可能已被撤回，或不在本群。请回复本群中仍存在的消息并发送 /置顶。",
            "It was probably recalled, or it is not in this chat. Reply with /pin to a message that still exists here.",
        ),
        Call::PutAnnouncement => Bilingual::new(
            "飞书拒绝了该请求，可能是群公告为空。请先用 /公告 内容 发布一条，再重试。",
            "Feishu rejected the request, perhaps because there is no announcement yet. Post one with /announce text, then try again.",
        ),
        Call::DeleteTopNotice => Bilingual::new(
            "飞书拒绝了该请求，可能是本群没有置顶。如仍有置顶，请手动取消。",
            "Feishu rejected the request, perhaps because nothing is pinned. If something is, remove it manually.",
        ),
        Call::ReadAnnouncement
        | Call::WriteAnnouncement
        | Call::ReadChat
        | Call::ReadMessage
        | Call::RequestConsent
        | Call::PostNotice
        | Call::UpdateNotice
        | Call::RevokeConsent
        | Call::Notify => Bilingual::new(
            "请求参数错误，属于机器人故障。请将下面一行提供给机器人管理员。",
            "Feishu rejected the request as invalid, which is a bug in the bot. Give the line below to the bot's admin.",
        ),
    }
}

/// The missing scopes, if known, and who can grant them.
pub(super) fn missing_scope(scopes: &[String], format: TextFormat, language: Language) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| format.code(scope)).collect();
    let words = if scopes.is_empty() {
        Bilingual::new(
            "应用缺少权限。请应用管理员在开发者后台的「权限管理」中开通所需权限，并发布新版本。",
            "The app lacks a permission. Ask the app's admin to grant the permissions listed in the set-up guide in the developer console, and to publish a new version.",
        )
    } else {
        Bilingual::new(
            "应用缺少权限，需要以下任意一项：{}。请应用管理员在开发者后台的「权限管理」中开通，并发布新版本。",
            "The app lacks a permission; any one of these will do: {}. Ask the app's admin to grant it in the developer console and to publish a new version.",
        )
    };
    words.fill(language, scopes.join(COMMA.to(language)))
}

fn unknown(code: i64) -> Bilingual {
    if (codes::DOCX_INTERNAL..=codes::DOCX_MAINTENANCE).contains(&code) {
        return Bilingual::new(
            "飞书文档服务内部错误。请几分钟后重试；如反复出现，请将下面一行提供给机器人管理员。",
            "Feishu's document service had an internal error. Try again in a few minutes; if it keeps happening, give the line below to the bot's admin.",
        );
    }
    Bilingual::new(
        "飞书返回了未知错误。请稍后重试；如反复出现，请将下面一行提供给机器人管理员。",
        "Feishu returned an unknown error. Try again later; if it keeps happening, give the line below to the bot's admin.",
    )
}

/// Code, Chinese, English; ordered by code.
const CODES: &[(i64, &str, &str)] = &[
    // Access tokens.
    (
        codes::UNKNOWN_APP,
        "应用凭证格式错误。请机器人管理员检查 FEISHU_APP_ID 和 FEISHU_APP_SECRET 是否完整。",
        "The app's credentials are malformed. Ask the bot's admin to check that FEISHU_APP_ID and FEISHU_APP_SECRET are complete.",
    ),
    (
        10_005,
        "应用未获本企业授权。请企业管理员在管理后台安装并启用该应用。",
        "The app is not authorized in this organization. Ask the organization's admin to install and enable it.",
    ),
    (
        codes::TENANT_TOKEN_REFUSED,
        "飞书未签发本企业的访问凭证，可能是本企业已卸载该应用。请企业管理员重新安装应用。",
        "Feishu issued no access token for this organization, which may have uninstalled the app. Ask the organization's admin to install it again.",
    ),
    (
        codes::APP_UNAUTHORIZED,
        "应用或应用密钥未通过飞书校验。请机器人管理员检查 FEISHU_APP_SECRET，并确认应用已启用。",
        "Feishu rejected the app or its secret. Ask the bot's admin to check FEISHU_APP_SECRET and that the app is enabled.",
    ),
    (
        codes::WRONG_SECRET,
        "应用密钥错误。请机器人管理员从开发者后台重新复制到 FEISHU_APP_SECRET，并重启机器人。",
        "The app secret is wrong. Ask the bot's admin to copy it from the developer console to FEISHU_APP_SECRET again and to restart the bot.",
    ),
    // Messages.
    (
        230_002,
        "机器人不在该消息所在的群。请先将机器人添加到那个群，再重试。",
        "The bot is not in the group of that message. Add it to that group, then try again.",
    ),
    (
        codes::MESSAGES_BOT_DISABLED,
        "应用未开启机器人能力，无法读取消息。请应用管理员在开发者后台添加「机器人」能力，并发布新版本。",
        "The app's bot ability is off, so messages cannot be read. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        codes::MESSAGE_RECALLED,
        "该消息已被撤回。请回复仍存在的消息。",
        "That message was recalled. Reply to one that still exists.",
    ),
    (
        codes::GROUP_FORBIDS_MESSAGE,
        "本群的设置不允许机器人发送该消息。请群主或群管理员检查群设置，或将机器人设为群管理员。",
        "This group's settings do not allow the bot to send that message. Ask the owner or an admin to check the group settings, or to make the bot a group admin.",
    ),
    (
        230_022,
        "飞书判定该消息包含敏感信息，未发送。请修改内容后重新发送。",
        "Feishu found sensitive information in the message and did not send it. Change the text and send it again.",
    ),
    (
        codes::MESSAGE_TOO_LONG,
        "内容过长，飞书不接收。请缩短后重新发送。",
        "The text is too long for Feishu. Shorten it and send the command again.",
    ),
    (
        codes::MESSAGE_FORBIDDEN,
        "应用缺少读取群消息的权限。请应用管理员在开发者后台开通 im:message:readonly 和 im:message.group_msg，并发布新版本。",
        "The app lacks permission to read group messages. Ask the app's admin to grant im:message:readonly and im:message.group_msg in the developer console and to publish a new version.",
    ),
    (
        codes::MESSAGE_NOT_APPROVED,
        "该消息未通过企业的内容审核，未发送。请修改内容后重新发送。",
        "The message did not pass the organization's audit and was not sent. Change the text and send it again.",
    ),
    (
        codes::SENDING_DENIED,
        "机器人不能在本群发送消息，可能是本群已开启禁言。请群主或群管理员允许机器人发言。",
        "The bot may not send messages in this group, which may be muted. Ask the owner or an admin to let the bot speak.",
    ),
    (
        230_050,
        "机器人看不到该消息，可能发送于机器人进群之前。请重新发送该内容，再回复新消息。",
        "The bot cannot see that message; it may have been sent before the bot joined the group. Send it again and reply to the new one.",
    ),
    (
        codes::CARD_REFUSED,
        "飞书不接收该卡片的内容。请简化格式后重新发送；如反复出现，请将下面一行提供给机器人管理员。",
        "Feishu rejected the content of the card. Simplify the formatting and send the command again; if it keeps happening, give the line below to the bot's admin.",
    ),
    (
        codes::MESSAGE_DELETED,
        "该消息已被删除。请重新发送该内容，再回复新消息。",
        "That message was deleted. Send its text again and reply to the new message.",
    ),
    (
        230_111,
        "该消息即将自动销毁，飞书不允许置顶。请将内容作为普通消息重新发送，再置顶新消息。",
        "That is a self-destructing message, and Feishu does not allow pinning it. Send its text as an ordinary message and pin that one.",
    ),
    // Groups, top notices and legacy announcements.
    (
        codes::CHAT_EDIT_DENIED,
        "仅群主和群管理员可以编辑本群信息，而机器人不是。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
        "Only the owner and admins can edit this group's information, and the bot is neither. Make the bot a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        232_003,
        "未找到本群的群公告。请先手动填写一次群公告，再重试。",
        "Feishu found no announcement in this group. Write one manually first, then try again.",
    ),
    (
        232_004,
        "未找到该应用。请机器人管理员检查 FEISHU_APP_ID 和 FEISHU_REGION。",
        "Feishu does not recognize the app. Ask the bot's admin to check FEISHU_APP_ID and FEISHU_REGION.",
    ),
    (
        232_006,
        "飞书无法识别本群的群 ID。请重新发送命令；仍然失败时，请将机器人移出群后重新添加。",
        "Feishu does not recognize this group's ID. Send the command again; if that does not help, remove the bot from the group and add it back.",
    ),
    (
        codes::CHAT_DISSOLVED,
        "本群已解散，无法修改。请在其他群使用。",
        "This group has been dissolved, so nothing in it can be changed. Use another group.",
    ),
    (
        232_010,
        "机器人的应用与本群不属于同一企业。请使用本群所属企业的机器人。",
        "The bot's app and this group belong to different organizations. Use a bot of the group's own organization.",
    ),
    (
        codes::OUTSIDE_CHAT,
        "机器人不是群成员，无法操作。请先将机器人添加到群，再重试。",
        "The bot is not a member of this group. Add it to the group, then try again.",
    ),
    (
        codes::TOP_NOTICE_DENIED,
        "机器人没有管理本群置顶的权限。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以管理置顶」改为所有成员。",
        "The bot has no permission to manage top notices here. Make the bot a group admin, or set “who can manage top notices” to all members in the group settings.",
    ),
    (
        codes::LEGACY_UPDATE_FAILED,
        "飞书拒绝了该修改，可能有人正在编辑群公告。请稍后重新发送；仍然失败时，请手动修改。",
        "Feishu rejected the change, perhaps because somebody was editing the announcement. Send the command again in a moment; if that does not help, edit the announcement manually.",
    ),
    (
        codes::CHAT_RATE_LIMITED,
        "本群操作过于频繁。请一分钟后重新发送。",
        "Too many operations were made in this group. Send the command again in a minute.",
    ),
    (
        232_024,
        "应用对部分群成员不可用，或与其没有协作权限。请应用管理员在开发者后台扩大应用的可用范围，并发布新版本。",
        "The app is not available to some members, or lacks permission to work with them. Ask the app's admin to widen its availability in the developer console and to publish a new version.",
    ),
    (
        codes::CHAT_BOT_DISABLED,
        "应用未开启机器人能力，无法操作群。请应用管理员在开发者后台添加「机器人」能力，并发布新版本。",
        "The app's bot ability is off, so it cannot act in groups. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        232_033,
        "本群是外部群，应用不能操作外部群。请应用管理员为机器人开启对外共享（商店应用不支持），或改用内部群。",
        "This is an external group, where the app cannot act. Ask the app's admin to turn on external sharing for the bot, which store apps do not have, or use an internal group.",
    ),
    (
        codes::CHAT_APP_UNAVAILABLE,
        "应用未在本企业安装或启用。请企业管理员在管理后台安装并启用。",
        "The app is not installed or not enabled in this organization. Ask the organization's admin to install and enable it.",
    ),
    (
        232_066,
        "机器人没有群公告文档的阅读权限。请文档所有者将应用添加为协作者，再重试。",
        "The bot has no permission on the announcement's document. Ask its owner to share it with the app, then try again.",
    ),
    (
        codes::ANNOUNCEMENT_IS_DOCX,
        "本群使用新版群公告，旧接口无法操作。请应用管理员在开发者后台开通 im:chat.announcement:read 和 im:chat.announcement:write_only，并发布新版本。",
        "This group uses the new announcement format, which the old interface cannot handle. Ask the app's admin to grant im:chat.announcement:read and im:chat.announcement:write_only in the developer console and to publish a new version.",
    ),
    // Docx announcements.
    (
        codes::DOCX_INVALID_PARAM,
        "飞书不支持该内容的格式。请改用更简单的格式，再重新发送。",
        "Feishu does not support the format of this text. Use simpler formatting and send it again.",
    ),
    (
        codes::DOCX_NOT_FOUND,
        "未找到本群的群公告文档。请确认机器人仍在群内，再重新发送。",
        "Feishu cannot find the document of this group's announcement. Check that the bot is still in the group, then send the command again.",
    ),
    (
        1_770_004,
        "群公告的内容块已达上限。请先手动删除部分旧内容，再重新发送。",
        "The announcement has reached Feishu's limit of blocks. Delete old entries manually, then send it again.",
    ),
    (
        1_770_007,
        "群公告的段落过多。请先手动删除部分旧段落，或缩短内容。",
        "The announcement has too many paragraphs. Delete old ones manually, or write fewer lines.",
    ),
    (
        codes::DOCX_OUTDATED,
        "写入期间群公告被多次修改，已读取的版本过期。请重新发送。",
        "The announcement changed too much during the update, so the version that was read is out of date. Send the command again.",
    ),
    (
        codes::DOCX_EDIT_DENIED,
        "机器人没有编辑本群公告的权限。请将机器人设为群管理员，或在群设置中将「谁可以编辑群信息」改为所有成员。",
        "The bot has no permission to edit this announcement. Make the bot a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        codes::DOCX_CONTENT_TOO_LARGE,
        "内容超过飞书单次可接收的大小。请缩短，或分多次发布。",
        "The text is larger than Feishu accepts at once. Shorten it, or post it in parts.",
    ),
    (
        codes::DOCX_MAINTENANCE,
        "飞书文档服务正在维护。请在维护结束后重新发送。",
        "Feishu's document service is under maintenance. Send the command again when it is back.",
    ),
    (
        1_772_001,
        "群信息中没有群公告。请在群里打开群公告并手动保存一次，再重试。",
        "Feishu found no announcement in the group's information. Open the announcement in the group and save it once manually, then try again.",
    ),
    (
        1_772_002,
        "群公告属于其他企业，机器人的应用无权操作。请使用该企业的机器人发布。",
        "The announcement and the bot's app belong to different organizations. Use a bot of the announcement's organization.",
    ),
    (
        1_772_003,
        "仅群成员可以操作群公告，而机器人已不在群内。请重新添加机器人，再重试。",
        "Only members can change the announcement, and the bot is no longer in the group. Add it back, then try again.",
    ),
    (
        1_772_004,
        "本群是外部群，应用不能操作其群公告。请应用管理员为机器人开启对外共享（商店应用不支持），或手动修改群公告。",
        "This is an external group, whose announcement the app cannot change. Ask the app's admin to turn on external sharing for the bot, which store apps do not have, or edit the announcement manually.",
    ),
    (
        codes::ANNOUNCEMENT_EDIT_DENIED,
        "仅群主和群管理员可以修改群公告，而机器人不是。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
        "Only the owner and admins can change the announcement, and the bot is neither. Make the bot a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        codes::ANNOUNCEMENT_IS_LEGACY,
        "本群使用旧版群公告，新接口无法操作。请重新发送；仍然失败时，请将下面一行提供给机器人管理员。",
        "This group uses the old announcement format, which the new interface cannot handle. Send the command again; if that does not help, give the line below to the bot's admin.",
    ),
    (
        codes::ANNOUNCEMENT_BOT_DISABLED,
        "应用未开启机器人能力，无法操作群公告。请应用管理员在开发者后台添加「机器人」能力，并发布新版本。",
        "The app's bot ability is off, so it cannot change announcements. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        codes::ANNOUNCEMENT_APP_UNAVAILABLE,
        "应用未在本企业安装或启用，无法操作群公告。请企业管理员在管理后台安装并启用。",
        "The app is not installed or not enabled here, so it cannot change announcements. Ask the organization's admin to install and enable it.",
    ),
    // The gateway in front of every call.
    (
        codes::RATE_LIMITED,
        "应用的请求过于频繁。请一分钟后重新发送。",
        "The app sent too many requests. Send the command again in a minute.",
    ),
    (
        codes::IP_DENIED,
        "机器人所在服务器不在应用的 IP 白名单中。请应用管理员在开发者后台添加其出口 IP。",
        "The bot's server is not on the app's list of allowed IPs. Ask the app's admin to add its outgoing IP address in the developer console.",
    ),
    (
        codes::QUOTA_EXHAUSTED,
        "本企业本月的接口调用额度已用完。请等到下个月，或请企业管理员升级套餐。",
        "The organization has used up its API calls for this month. Wait until next month, or ask the organization's admin to upgrade the plan.",
    ),
    (
        codes::TOKEN_MISSING,
        "请求未携带访问凭证，属于机器人故障。请重新发送；仍然失败时，请机器人管理员重启机器人。",
        "The request was sent without an access token, which is a bug in the bot. Send the command again; if that does not help, ask the bot's admin to restart it.",
    ),
    (
        99_991_662,
        "应用已被停用。请企业管理员在管理后台重新启用。",
        "The app is disabled. Ask the organization's admin to enable it again.",
    ),
    (
        codes::TENANT_TOKEN_INVALID,
        "刚刷新的访问凭证仍被飞书拒绝。请几分钟后重试；如反复出现，请机器人管理员检查 FEISHU_APP_ID 和 FEISHU_APP_SECRET。",
        "Feishu rejected even a new access token. Try again in a few minutes; if it keeps happening, ask the bot's admin to check FEISHU_APP_ID and FEISHU_APP_SECRET.",
    ),
    (
        codes::APP_TOKEN_INVALID,
        "飞书拒绝了应用的访问凭证。请机器人管理员在开发者后台确认应用类型是企业自建应用。",
        "Feishu rejected the app's access token. Ask the bot's admin to check in the developer console that it is a custom app.",
    ),
    (
        codes::TENANT_INVALID,
        "飞书无法识别应用所属的企业。请机器人管理员确认 FEISHU_REGION 与应用所在的平台一致。",
        "Feishu does not recognize the app's organization. Ask the bot's admin to check that FEISHU_REGION matches the platform where the app was created.",
    ),
    (
        codes::USER_TOKEN_INVALID,
        "飞书将应用凭证识别为用户凭证。请机器人管理员确认 FEISHU_BASE_URL 指向飞书开放平台。",
        "Feishu treated the app's token as a user's. Ask the bot's admin to check that FEISHU_BASE_URL points to the open platform.",
    ),
    (
        codes::TOKEN_MALFORMED,
        "访问凭证格式错误。请机器人管理员确认 FEISHU_BASE_URL 没有经过会改写请求的代理。",
        "The access token was malformed. Ask the bot's admin to check that no proxy behind FEISHU_BASE_URL rewrites requests.",
    ),
    (
        99_991_673,
        "应用在本企业不可用。请企业管理员在管理后台查看应用状态，并开放给本企业。",
        "The app is not available in this organization. Ask the organization's admin to check its status and to make it available to the organization.",
    ),
    (
        99_992_354,
        "未找到该消息。请回复本群中可见的消息。",
        "Feishu cannot find that message. Reply to one that you can see in the group.",
    ),
];

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The codes on the official pages of `put_top_notice` and of patching an announcement.
    const API_PAGES: [i64; 16] = [
        230_111, 232_001, 232_002, 232_003, 232_009, 232_010, 232_011, 232_014, 232_018, 232_019,
        232_024, 232_025, 232_033, 232_034, 232_066, 232_097,
    ];

    /// A code that no page lists.
    const UNLISTED: i64 = 1;

    /// Every code with a text of its own, and one without.
    pub(in super::super) fn every_code() -> impl Iterator<Item = i64> {
        let outside_the_table = [232_001, 99_991_672, 99_992_402, 1_771_001, UNLISTED];
        CODES.iter().map(|row| row.0).chain(outside_the_table)
    }

    fn explanation(code: i64, language: Language) -> String {
        let refusal = PlatformRefusal {
            call: Call::PutMessage,
            code,
            log_id: None,
            missing_scopes: vec![],
            fields: vec![],
            meaning: None,
            bot: None,
            as_member: false,
        };
        explain(&refusal, language)
    }

    #[test]
    fn message_and_group_select_one_of_two_meanings() {
        let check = |code, msg: &str, is_external, expected: Option<Meaning>| {
            let api = feishu::ApiError {
                endpoint: "get_message",
                code,
                oauth_error: None,
                msg: msg.into(),
                fields: Box::default(),
                log_id: None,
                status: 400,
                missing_scopes: Box::default(),
                retry_after: None,
            };
            let meaning = Meaning::of(&api, is_external);
            assert_eq!(meaning, expected, "{code} {msg} {is_external}");
        };
        let lack = "Lack of necessary permissions.";
        check(230_027, lack, false, None);
        check(230_027, lack, true, Some(Meaning::OtherTenant));
        check(
            230_027,
            "Lack of necessary permissions, ext=need scope: im:message",
            true,
            None,
        );
        for msg in [
            "cross-tenant operation is not allowed",
            "Cross tenant",
            "external chat",
        ] {
            check(230_027, msg, false, Some(Meaning::OtherTenant));
        }
        let unsupported = Some(Meaning::TokenKind);
        check(
            99_991_668,
            "user access token not support",
            false,
            unsupported,
        );
        check(99_991_668, "Invalid access token", false, None);
        check(10_003, "invalid param", false, None);
        check(10_003, "app not exist", false, Some(Meaning::UnknownApp));
        check(
            10_014,
            "app secret invalid",
            false,
            Some(Meaning::WrongSecret),
        );
        check(
            10_014,
            "app unauthorized",
            false,
            Some(Meaning::AppDisabled),
        );
        check(10_014, "", false, None);
        check(232_014, "external secret", true, None);
        check(20_002, "", false, Some(Meaning::WrongSecret));
        check(20_048, "", false, Some(Meaning::UnknownApp));
        check(20_069, "", false, Some(Meaning::AppDisabled));
        check(20_068, "", false, Some(Meaning::ScopesNotOffered));
    }

    #[test]
    fn fields_that_the_platform_names_are_reported() {
        for code in [99_992_402, 1_770_001] {
            let refusal = PlatformRefusal {
                call: Call::WriteAnnouncement,
                code,
                log_id: None,
                missing_scopes: vec![],
                fields: vec!["children[3].text".to_owned()],
                meaning: None,
                bot: None,
                as_member: false,
            };
            for language in [Language::Zh, Language::En] {
                let text = explain(&refusal, language);
                assert!(text.contains("children[3].text"), "{text}");
                assert_ne!(text, explanation(code, language));
            }
        }
    }

    #[test]
    fn the_table_is_ordered_by_code() {
        assert!(CODES.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn each_code_of_the_api_pages_is_explained() {
        for code in API_PAGES {
            for language in [Language::Zh, Language::En] {
                assert_ne!(
                    explanation(code, language),
                    explanation(UNLISTED, language),
                    "{code}"
                );
            }
        }
    }

    #[test]
    fn no_two_codes_share_a_sentence() {
        for language in [Language::Zh, Language::En] {
            let texts: Vec<_> = every_code()
                .map(|code| explanation(code, language))
                .collect();
            let reasons: HashSet<_> = texts.iter().map(|text| reason(text)).collect();
            assert_eq!(reasons.len(), texts.len(), "{texts:#?}");
        }
    }

    /// The first sentence, which is the cause. Several codes may have the same remedy.
    fn reason(text: &str) -> &str {
        text.split(['。', '.', '；', ';']).next().unwrap()
    }
}
