//! Replies when a text cannot be changed.

use crate::language::Bilingual;

pub(super) const NOTHING_NAMED: Bilingual = Bilingual::new(
    "请指定要修改的公告：回复发布公告的那条命令并发送 /修改 内容，或写明编号，例如 /修改 3 内容。发送 /记录 查看编号。",
    "Which text should be changed? Reply to the command that announced it with /edit text, or write its number, for example /edit 3 text. Send /history to see the numbers.",
);

pub(super) const TWO_NAMED: Bilingual = Bilingual::new(
    "所写的编号与所回复的公告不是同一条，未执行。请只用一种方式指定；如果内容以数字开头，请在内容前加上 --：/修改 -- 内容",
    "The number and the command you replied to are of different texts; nothing was done. Use only one of them; if your text begins with a number, put -- before it: /edit -- text",
);

pub(super) const NOT_EDITABLE: Bilingual = Bilingual::new(
    "没有可修改的内容：该编号或消息不对应机器人发布的公告，或该公告已撤销，或最近一次发布、修改已超过七天。发送 /记录 查看编号。",
    "There is nothing to change: that is not an announcement of the bot, or it was reverted, or it was last changed more than seven days ago. Send /history to see the numbers.",
);

pub(super) const ENTRY_GONE: Bilingual = Bilingual::new(
    "该内容已不在群公告中，未修改。如需重新发布，请发送 /公告 内容。",
    "That text is no longer in the announcement, so nothing was changed. To post it again, send /announce text.",
);

pub(super) const FILES_NOT_COPIED: Bilingual = Bilingual::new(
    "其中的图片或文件无法再次上传，因此未修改。如果新内容的段落数不变，图片和文件会原样保留。",
    "Its pictures or files could not be copied again, so nothing was changed. If the new text has as many paragraphs, they stay as they are.",
);

/// `{}` is the cause.
pub(super) const FORMER_TEXT_LEFT: Bilingual = Bilingual::new(
    "新内容已写入群公告，但未能删除修改前的内容。{}",
    "The new text was posted, but the former text could not be removed. {}",
);

pub(super) const MISSING_NEW_TEXT: Bilingual = Bilingual::new(
    "缺少新内容，未执行。请在命令后填写完整的新内容，",
    "The new text is missing; nothing was done. Write all of it after the command. ",
);
