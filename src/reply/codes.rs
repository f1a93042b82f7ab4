//! The platform's error codes in words: for each one why, and what to do about it.
//!
//! Their meanings are those of the official pages `group/chat/put_top_notice`,
//! `group/chat-announcement/patch`, `group/upgraded-group-announcement`, `im-v1/message` and of
//! the generic error codes. A right that is missing is always the bot's: the platform sees no
//! one else.

use crate::language::{Bilingual, Language};
use crate::outcome::{Call, Meaning, PlatformRefusal};

/// The reason for a refusal and its remedy.
pub(super) fn explain(refusal: &PlatformRefusal, language: Language) -> String {
    let code = refusal.code;
    if let Some(meaning) = refusal.meaning {
        return of_meaning(meaning).to(language).to_owned();
    }
    match code {
        99_992_402 => invalid_field(&refusal.fields, language),
        1_770_001 if !refusal.fields.is_empty() => invalid_field(&refusal.fields, language),
        232_001 => invalid_parameter(refusal.call).to(language).to_owned(),
        99_991_672 => missing_scope(&refusal.missing_scopes, language),
        _ => match CODES.iter().find(|row| row.0 == code) {
            Some(&(_, zh, en)) => Bilingual::new(zh, en).to(language).to_owned(),
            None => unknown(code).to(language).to_owned(),
        },
    }
}

/// One of several meanings of a code.
fn of_meaning(meaning: Meaning) -> Bilingual {
    match meaning {
        Meaning::OtherTenant => Bilingual::new(
            "那条消息属于其他企业，应用不能读取。请把内容作为新消息发在本群，再回复新的那条。",
            "That message belongs to another organisation, so the app may not read it. Send its text as a new message here and reply to that one.",
        ),
        Meaning::TokenKind => Bilingual::new(
            "这个接口不支持机器人所用的访问凭证类型。请把下面这行转给机器人的管理员。",
            "This call does not support the kind of access token that the bot uses. Pass the line below on to the bot's admin.",
        ),
        Meaning::UnknownApp => Bilingual::new(
            "飞书上没有这个应用。请管理员检查 `FEISHU_APP_ID`；应用若建在另一平台，请检查 `FEISHU_REGION`。",
            "There is no such app. Ask the bot's admin to check `FEISHU_APP_ID`, and `FEISHU_REGION` if the app is on the other platform.",
        ),
        Meaning::WrongSecret => Bilingual::new(
            "飞书不接受应用密钥。请管理员检查 `FEISHU_APP_SECRET`。",
            "Feishu does not accept the app's secret. Ask the bot's admin to check `FEISHU_APP_SECRET`.",
        ),
        Meaning::AppDisabled => Bilingual::new(
            "应用未启用或未获授权。请企业管理员在管理后台启用它。",
            "The app is disabled or not authorised. Ask the organisation's admin to enable it.",
        ),
    }
}

/// What was refused for a field that the platform names.
fn invalid_field(fields: &[String], language: Language) -> String {
    match (language, fields.join(", ")) {
        (Language::Zh, fields) if fields.is_empty() => "飞书认为请求中有字段不合规。请简化内容后再发一次；若一直如此，请把下面这行转给机器人的管理员。".to_owned(),
        (Language::En, fields) if fields.is_empty() => "Feishu did not accept a field of the request. Simplify the text and send the command again; if it keeps happening, pass the line below on to the bot's admin.".to_owned(),
        (Language::Zh, fields) => format!("飞书认为请求中的字段 {fields} 不合规。请简化内容后再发一次；若一直如此，请把下面这行转给机器人的管理员。"),
        (Language::En, fields) => format!("Feishu did not accept the field {fields} of the request. Simplify the text and send the command again; if it keeps happening, pass the line below on to the bot's admin."),
    }
}

/// 232001 says only that a parameter is wrong; which one can be, depends on the call.
fn invalid_parameter(call: Call) -> Bilingual {
    match call {
        Call::PutMessage => Bilingual::new(
            "那条消息多半已被撤回，或者不在本群。请换一条本群里还在的消息，回复 `/置顶`。",
            "It was probably recalled, or it is not in this chat. Reply with `/pin` to a message that is still here.",
        ),
        Call::PutAnnouncement => Bilingual::new(
            "飞书没有接受这个请求，可能是群公告还空着。请先用 `/公告 内容` 写一条，再试一次。",
            "Feishu did not accept the request, perhaps because there is no announcement yet. Write one with `/announce text`, then try again.",
        ),
        Call::DeleteTopNotice => Bilingual::new(
            "飞书没有接受这个请求，可能是群里本来就没有置顶。如果顶部还有置顶，请手动撤下。",
            "Feishu did not accept the request, perhaps because nothing is at the top. If something is, please take it off by hand.",
        ),
        Call::ReadAnnouncement
        | Call::WriteAnnouncement
        | Call::ReadChat
        | Call::ReadMessage
        | Call::Token => Bilingual::new(
            "飞书说我的请求参数有误，这是我的问题。请把下面这行转给机器人的管理员。",
            "Feishu says that my request was malformed, which is a fault of mine. Please pass the line below on to the bot's admin.",
        ),
    }
}

/// The scopes that the app lacks, and who grants them.
pub(super) fn missing_scope(scopes: &[String], language: Language) -> String {
    let quoted: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    match (language, quoted.as_slice()) {
        (Language::Zh, []) => "应用缺少一项权限。请应用管理员在开发者后台的“权限管理”中开通所需权限，并发布新版本。".to_owned(),
        (Language::En, []) => "The app lacks a permission. Ask the app's admin to grant the permissions that the set-up guide lists, in the developer console, and to publish a new version.".to_owned(),
        (Language::Zh, scopes) => format!(
            "应用缺少权限，需要以下任意一项：{}。请应用管理员在开发者后台的“权限管理”中开通，并发布新版本。",
            scopes.join("、")
        ),
        (Language::En, scopes) => format!(
            "The app lacks a permission; any one of these will do: {}. Ask the app's admin to grant it in the developer console and to publish a new version.",
            scopes.join(", ")
        ),
    }
}

fn unknown(code: i64) -> Bilingual {
    if code / 1000 == 1771 {
        return Bilingual::new(
            "飞书的文档服务出了内部错误。请过几分钟再试；若一直如此，请把下面这行转给机器人的管理员。",
            "Feishu's document service had an internal error. Try again in a few minutes; if it keeps happening, pass the line below on to the bot's admin.",
        );
    }
    Bilingual::new(
        "飞书返回了一个我不认识的错误。请稍后再试；若一直如此，请把下面这行转给机器人的管理员。",
        "Feishu answered with an error that I do not know. Try again later; if it keeps happening, pass the line below on to the bot's admin.",
    )
}

/// Code, Chinese, English; by code.
const CODES: &[(i64, &str, &str)] = &[
    // Access tokens.
    (
        10_003,
        "飞书认为应用凭证填写有误。请管理员检查 `FEISHU_APP_ID` 和 `FEISHU_APP_SECRET` 是否完整。",
        "Feishu finds the app's credentials malformed. Ask the bot's admin to check that `FEISHU_APP_ID` and `FEISHU_APP_SECRET` are complete.",
    ),
    (
        10_014,
        "飞书不接受这个应用或它的密钥。请管理员检查 `FEISHU_APP_SECRET`，并确认应用已启用。",
        "Feishu does not accept the app or its secret. Ask the bot's admin to check `FEISHU_APP_SECRET` and that the app is enabled.",
    ),
    (
        10_015,
        "应用密钥不对。请管理员从开发者后台重新复制到 `FEISHU_APP_SECRET`，再重启机器人。",
        "The app secret is wrong. Ask the bot's admin to copy it from the developer console to `FEISHU_APP_SECRET` again and to restart the bot.",
    ),
    // Messages.
    (
        230_002,
        "我不在那条消息所在的群里。请把我加进那个群，再试一次。",
        "I am not in the group of that message. Add me to it, then try again.",
    ),
    (
        230_006,
        "应用没有开启机器人能力，读不了消息。请应用管理员在开发者后台添加“机器人”能力，并发布新版本。",
        "The app's bot ability is off, so I cannot read messages. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        230_011,
        "那条消息已被撤回。请换一条还在的消息来回复。",
        "That message was recalled. Reply to one that is still there.",
    ),
    (
        230_027,
        "应用缺少读取群消息的权限。请应用管理员在开发者后台开通 `im:message:readonly` 和 `im:message.group_msg`，并发布新版本。",
        "The app may not read group messages. Ask the app's admin to grant `im:message:readonly` and `im:message.group_msg` in the developer console and to publish a new version.",
    ),
    (
        230_050,
        "我看不到那条消息，它可能发在我进群之前。请把内容重新发一遍，再回复新的那条。",
        "I cannot see that message; it may be older than my time in the group. Send it once more and reply to the new one.",
    ),
    (
        230_110,
        "那条消息已被删除。请把内容重新发一遍，再回复新的那条。",
        "That message was deleted. Send its text again and reply to the new message.",
    ),
    (
        230_111,
        "那条消息即将自动销毁，飞书不允许置顶。请把内容作为普通消息重新发送，再置顶新的那条。",
        "That message will soon destroy itself, so Feishu keeps it off the top. Send its text as an ordinary message and pin that one.",
    ),
    // Groups, top notices and announcements of the old kind.
    (
        232_002,
        "本群只有群主和群管理员能编辑群信息，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
        "Only the owner and the admins may edit this group's information, and I am neither. Make me a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        232_003,
        "飞书找不到本群的群公告。请先在群里手动写一次群公告，再试一次。",
        "Feishu finds no announcement in this group. Write one by hand first, then try again.",
    ),
    (
        232_004,
        "飞书不认识这个应用。请管理员检查 `FEISHU_APP_ID` 和 `FEISHU_REGION`。",
        "Feishu knows no such app. Ask the bot's admin to check `FEISHU_APP_ID` and `FEISHU_REGION`.",
    ),
    (
        232_006,
        "飞书不认识本群的群 ID。请在群里重新发送命令；若仍然如此，请把我移出群再加回来。",
        "Feishu does not know this group's id. Send the command again; if that does not help, remove me from the group and add me back.",
    ),
    (
        232_009,
        "这个群已经解散，什么也改不了了。请在新的群里使用。",
        "This group has been dissolved, so nothing in it can be changed. Use a new group.",
    ),
    (
        232_010,
        "我的应用和本群不属于同一个企业。请改用本群所属企业自己的机器人。",
        "My app and this group belong to different organisations. Use a bot of the group's own organisation.",
    ),
    (
        232_011,
        "我不在这个群里，无法操作。请把我加进群，再试一次。",
        "I am not a member of this group. Add me to it, then try again.",
    ),
    (
        232_014,
        "我自己没有在本群管理置顶的权限。请把我设为群管理员，或在群设置的“群管理”中把“谁可以管理置顶”改为所有成员。",
        "I myself may not manage top notices here. Make me a group admin, or set “who can manage top notices” to all members in the group settings.",
    ),
    (
        232_018,
        "飞书拒绝了这次修改，可能有人正在编辑群公告。请稍等片刻再发一次；若仍然如此，请手动修改。",
        "Feishu refused the change, perhaps because somebody was editing the announcement. Wait a moment and send it again; if that does not help, edit it by hand.",
    ),
    (
        232_019,
        "本群的操作太频繁了。请过一分钟再发一次。",
        "Too much is going on in this group at once. Send the command again in a minute.",
    ),
    (
        232_024,
        "应用对群里的部分成员不可用，或与他们没有协作权限。请应用管理员在开发者后台扩大应用的可用范围，并发布新版本。",
        "The app is not available to everyone concerned, or may not work with them. Ask the app's admin to widen its availability in the developer console and to publish a new version.",
    ),
    (
        232_025,
        "应用没有开启机器人能力，不能操作群。请应用管理员在开发者后台添加“机器人”能力，并发布新版本。",
        "The app's bot ability is off, so I cannot act in groups. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        232_033,
        "这是外部群，而应用没有操作外部群的能力。请应用管理员为机器人开启对外共享，或改在内部群使用。",
        "This is an external group, and the app may not act in those. Ask the app's admin to turn on external sharing for the bot, or use an internal group.",
    ),
    (
        232_034,
        "应用在本企业没有安装或没有启用。请企业管理员在管理后台安装并启用它。",
        "The app is not installed or not enabled in this organisation. Ask the organisation's admin to install and enable it.",
    ),
    (
        232_066,
        "我没有群公告文档的阅读权限。请文档的所有者把应用加为协作者，再试一次。",
        "I have no permission on the announcement's document. Ask its owner to share it with the app, then try again.",
    ),
    (
        232_097,
        "本群用的是新版群公告，旧接口操作不了。请应用管理员在开发者后台开通 `im:chat.announcement:read` 和 `im:chat.announcement:write_only`，并发布新版本。",
        "This group has an announcement of the new kind, which the old interface cannot handle. Ask the app's admin to grant `im:chat.announcement:read` and `im:chat.announcement:write_only` in the developer console and to publish a new version.",
    ),
    // Announcements of the new kind.
    (
        1_770_001,
        "飞书不接受这样的内容。请换一种更简单的写法，再发一次。",
        "Feishu does not take the text in this form. Write it more plainly and send it again.",
    ),
    (
        1_770_002,
        "飞书找不到本群公告的文档。请确认我还在群里，再发一次。",
        "Feishu does not find the document of this group's announcement. Check that I am still in the group, then send the command again.",
    ),
    (
        1_770_004,
        "群公告的内容块已达上限。请先手动删掉一些旧内容，再发一次。",
        "The announcement is full: it holds as many blocks as Feishu allows. Delete old entries by hand, then send it again.",
    ),
    (
        1_770_007,
        "群公告的段落太多了。请先手动删掉一些旧段落，或把内容写得短一些。",
        "The announcement has too many paragraphs. Delete old ones by hand, or write fewer lines.",
    ),
    (
        1_770_021,
        "我写入时群公告已经改了很多，我读到的版本太旧。请再发一次。",
        "The announcement changed so much meanwhile that the version I had read is too old. Please send the command again.",
    ),
    (
        1_770_032,
        "我没有编辑本群公告的权限。请把我设为群管理员，或在群设置中把“谁可以编辑群信息”改为所有成员。",
        "I may not edit this announcement. Make me a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        1_770_033,
        "内容超过了飞书一次能接收的大小。请写得短一些，或分成几条发布。",
        "The text is larger than Feishu takes at once. Shorten it, or announce it in several parts.",
    ),
    (
        1_771_005,
        "飞书的文档服务正在维护。请等维护结束后再发一次。",
        "Feishu's document service is under maintenance. Send the command again when it is back.",
    ),
    (
        1_772_001,
        "飞书在群信息里找不到群公告。请在群里打开群公告，手动保存一次，再试。",
        "Feishu finds no announcement in the group's information. Open the announcement in the group and save it once by hand, then try again.",
    ),
    (
        1_772_002,
        "群公告属于另一个企业，我的应用碰不到。请让那个企业的机器人来发布。",
        "The announcement belongs to another organisation than my app. Let a bot of that organisation write it.",
    ),
    (
        1_772_003,
        "只有群成员能动群公告，而我已不在群里。请把我加回来，再试一次。",
        "Only members may touch the announcement, and I am no longer in the group. Add me back, then try again.",
    ),
    (
        1_772_004,
        "这是外部群，应用不能操作它的群公告。请应用管理员为机器人开启对外共享，或手动修改群公告。",
        "This is an external group, whose announcement the app may not touch. Ask the app's admin to turn on external sharing for the bot, or edit the announcement by hand.",
    ),
    (
        1_772_005,
        "群公告只有群主和群管理员能改，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
        "Only the owner and the admins may change the announcement, and I am neither. Make me a group admin, or set “who can edit group info” to all members in the group settings.",
    ),
    (
        1_772_006,
        "本群用的是旧版群公告，新接口操作不了。请再发一次；若仍然如此，请把下面这行转给机器人的管理员。",
        "This group has an announcement of the old kind, which the new interface cannot handle. Send the command again; if that does not help, pass the line below on to the bot's admin.",
    ),
    (
        1_772_025,
        "应用没有开启机器人能力，动不了群公告。请应用管理员在开发者后台添加“机器人”能力，并发布新版本。",
        "The app's bot ability is off, so I cannot touch announcements. Ask the app's admin to add the bot ability in the developer console and to publish a new version.",
    ),
    (
        1_772_034,
        "应用在本企业没有安装或没有启用，动不了群公告。请企业管理员在管理后台安装并启用它。",
        "The app is not installed or not enabled here, so it cannot touch announcements. Ask the organisation's admin to install and enable it.",
    ),
    // The gateway in front of every call.
    (
        99_991_400,
        "应用的请求太频繁了。请过一分钟再发一次。",
        "The app has sent too many requests. Send the command again in a minute.",
    ),
    (
        99_991_401,
        "机器人所在服务器不在应用的 IP 白名单里。请应用管理员在开发者后台把它的出口 IP 加进去。",
        "The bot's server is not on the app's list of allowed IPs. Ask the app's admin to add its outgoing address in the developer console.",
    ),
    (
        99_991_403,
        "本企业这个月的接口调用额度已经用完。请等到下个月，或请企业管理员升级套餐。",
        "The organisation has used up its API calls of this month. Wait for the next one, or ask the organisation's admin for a larger plan.",
    ),
    (
        99_991_661,
        "我的请求没有带上访问凭证，这是我的问题。请再发一次；若仍然如此，请管理员重启机器人。",
        "My request went out without an access token, which is a fault of mine. Send the command again; if that does not help, ask the bot's admin to restart me.",
    ),
    (
        99_991_662,
        "应用已被停用。请企业管理员在管理后台重新启用它。",
        "The app is not in use. Ask the organisation's admin to enable it again.",
    ),
    (
        99_991_663,
        "飞书连刚换的访问凭证也不接受。请过几分钟再试；若一直如此，请管理员检查 `FEISHU_APP_ID` 和 `FEISHU_APP_SECRET`。",
        "Feishu does not accept even a new access token. Try again in a few minutes; if it keeps happening, ask the bot's admin to check `FEISHU_APP_ID` and `FEISHU_APP_SECRET`.",
    ),
    (
        99_991_664,
        "飞书不接受应用的访问凭证。请管理员在开发者后台确认应用类型是企业自建应用。",
        "Feishu does not accept the app's own token. Ask the bot's admin to check in the developer console that it is a custom app.",
    ),
    (
        99_991_665,
        "飞书不认识应用所属的企业。请管理员确认 `FEISHU_REGION` 与应用所在的平台一致。",
        "Feishu does not know the app's organisation. Ask the bot's admin to check that `FEISHU_REGION` is where the app was made.",
    ),
    (
        99_991_668,
        "飞书把我的访问凭证当成了用户凭证。请管理员确认 `FEISHU_BASE_URL` 指向的是飞书开放平台。",
        "Feishu takes my access token for a user's. Ask the bot's admin to check that `FEISHU_BASE_URL` leads to the open platform.",
    ),
    (
        99_991_671,
        "我的访问凭证格式不对。请管理员确认 `FEISHU_BASE_URL` 没有经过会改写请求的代理。",
        "My access token has the wrong form. Ask the bot's admin to check that no proxy behind `FEISHU_BASE_URL` rewrites requests.",
    ),
    (
        99_991_673,
        "应用在本企业不可用。请企业管理员在管理后台查看应用状态，并把它开放给本企业。",
        "The app is not available in this organisation. Ask the organisation's admin to look at its state and to open it to the organisation.",
    ),
    (
        99_992_354,
        "飞书找不到那条消息。请换一条群里能看到的消息来回复。",
        "Feishu finds no such message. Reply to one that you can see in the group.",
    ),
];

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The codes of the two API pages, of `put_top_notice` and of patching an announcement.
    const API_PAGES: [i64; 16] = [
        230_111, 232_001, 232_002, 232_003, 232_009, 232_010, 232_011, 232_014, 232_018, 232_019,
        232_024, 232_025, 232_033, 232_034, 232_066, 232_097,
    ];

    /// A code that no page lists.
    const UNLISTED: i64 = 1;

    /// Every code that is explained in its own words, and one that is not.
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
        };
        explain(&refusal, language)
    }

    #[test]
    fn words_and_group_decide_between_two_meanings() {
        let check = |code, msg: &str, is_external, expected: Option<Meaning>| {
            let api = feishu::ApiError {
                endpoint: "get_message",
                code,
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
    }

    #[test]
    fn a_named_field_is_told() {
        for code in [99_992_402, 1_770_001] {
            let refusal = PlatformRefusal {
                call: Call::WriteAnnouncement,
                code,
                log_id: None,
                missing_scopes: vec![],
                fields: vec!["children[3].text".to_owned()],
                meaning: None,
                bot: None,
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

    /// The first sentence, which says why; the remedy after it may be that of another code too.
    fn reason(text: &str) -> &str {
        text.split(['。', '.', '；', ';']).next().unwrap()
    }
}
