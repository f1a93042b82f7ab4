//! Refusals: the documented error codes with their HTTP status and exact text.

use serde_json::{Value, json};

/// Why a call was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) msg: String,
    /// The `error` object, without its log id.
    pub(crate) error: Value,
    /// `x-ogw-ratelimit-limit` and seconds for `x-ogw-ratelimit-reset`.
    pub(crate) rate_limit: Option<(u32, u64)>,
    /// What no correct client would have sent; it fails the test.
    pub(crate) violation: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: i64, msg: &str) -> Self {
        let msg = msg.to_owned();
        Self {
            status,
            code,
            msg,
            error: Value::Null,
            rate_limit: None,
            violation: None,
        }
    }

    /// The documented status and text of `code`; 400 and no text for a code of no table.
    pub(crate) fn code(code: i64) -> Self {
        let (status, msg) = CODES
            .iter()
            .find(|row| row.1 == code)
            .map_or((400, ""), |row| (row.0, row.2));
        Self::new(status, code, msg)
    }

    /// 99992402 naming the field, as the gateway words it.
    pub(crate) fn field(field: &str, description: &str) -> Self {
        let mut refusal = Self::code(99_992_402);
        refusal.error = json!({"field_violations": [{"field": field, "description": description}]});
        refusal
    }

    /// Appends what exactly was wrong, as 232018 wraps the document's own error.
    pub(crate) fn because(mut self, detail: &str) -> Self {
        self.msg = format!("{} {detail}", self.msg);
        self
    }

    /// Marks the request as one that no correct client sends.
    pub(crate) fn violating(mut self, what: impl Into<String>) -> Self {
        self.violation = Some(what.into());
        self
    }
}

/// HTTP status, code and wire text, by code (error tables of the official pages; the gateway's
/// statuses were measured by third parties).
const CODES: &[(u16, i64, &str)] = &[
    (200, 1, "system busy"),
    (200, 403, "forbidden"),
    (200, 514, "auth failed"),
    (200, 10_003, "invalid param"),
    (200, 10_014, "app secret invalid"),
    (
        400,
        230_001,
        "Your request contains an invalid request parameter.",
    ),
    (400, 230_002, "The bot can not be outside the group."),
    (400, 230_006, "Bot ability is not activated."),
    (400, 230_011, "The message is recalled."),
    (400, 230_013, "Bot has NO availability to this user."),
    (
        400,
        230_018,
        "These operations are NOT allowed at current group settings.",
    ),
    (400, 230_020, "This operation triggers the frequency limit."),
    (
        400,
        230_025,
        "The length of the message content reaches its limit.",
    ),
    (400, 230_027, "Lack of necessary permissions."),
    (400, 230_034, "The receive_id is invalid."),
    (400, 230_035, "Send Message Permission deny."),
    (400, 230_049, "The message is being sent."),
    (400, 230_050, "The message is invisible to the operator."),
    (400, 230_071, "group does not support reply in thread"),
    (400, 230_099, "Failed to create card content."),
    (
        400,
        230_110,
        "Action unavailable as the message has been deleted.",
    ),
    (
        400,
        230_111,
        "Action unavailable as the message will self-destruct soon.",
    ),
    (400, 231_001, "reaction type is invalid."),
    (400, 231_002, "no permission to react"),
    (400, 231_003, "message not found"),
    (400, 231_007, "may not delete this reaction"),
    (400, 231_010, "wrong reaction_id"),
    (
        400,
        232_001,
        "Your request contains an invalid request parameter.",
    ),
    (
        400,
        232_002,
        "No Permission: Only chat owner or admin can edit chat information in the current situation.",
    ),
    (
        400,
        232_003,
        "Chat announcement can NOT be found in chat information.",
    ),
    (
        400,
        232_006,
        "Your request specifies a chat_id which is invalid.",
    ),
    (
        400,
        232_009,
        "Your request specifies a chat which has already been dissolved.",
    ),
    (
        400,
        232_010,
        "Operator and chat can NOT be in different tenants.",
    ),
    (400, 232_011, "Operator can NOT be out of the chat."),
    (
        400,
        232_014,
        "The token used in the request does NOT have the permissions necessary to complete the request.",
    ),
    (400, 232_018, "Updating announcement failed."),
    (400, 232_019, "The request has been rate limited."),
    (
        400,
        232_024,
        "Users do not have the visibility of the app, or the operator does not have collaboration permissions with the target users.",
    ),
    (400, 232_025, "Bot ability is not activated."),
    (
        400,
        232_033,
        "The operator or invited bots does NOT have the authority to manage external chats without the scope.",
    ),
    (
        400,
        232_034,
        "The app is unavailable or inactivate in the tenant.",
    ),
    (
        400,
        232_066,
        "The operator does not have the doc permission.",
    ),
    (
        400,
        232_097,
        "Unable to operate docx type chat announcement.",
    ),
    (400, 1_770_001, "invalid param"),
    (404, 1_770_002, "not found"),
    (400, 1_770_006, "schema mismatch"),
    (400, 1_770_007, "too many children in block"),
    (400, 1_770_021, "too old document"),
    (400, 1_770_024, "invalid operation"),
    (400, 1_770_028, "block not support create children"),
    (400, 1_770_029, "block not support to create"),
    (403, 1_770_032, "forbidden"),
    (400, 1_770_033, "raw content size exceed limited"),
    (400, 1_770_034, "operation count exceed limited"),
    (400, 1_770_038, "resource not found"),
    (500, 1_771_001, "server internal error"),
    (500, 1_771_002, "gateway server internal error"),
    (503, 1_771_005, "system under maintenance"),
    (
        400,
        1_772_001,
        "Chat announcement can NOT be found in chat information.",
    ),
    (
        400,
        1_772_002,
        "Operator and chat can NOT be in different tenants.",
    ),
    (400, 1_772_003, "Operator can NOT be out of the chat."),
    (
        400,
        1_772_004,
        "The operator or invited bots does NOT have the authority to manage external chats without the scope.",
    ),
    (
        400,
        1_772_005,
        "No Permission: Only chat owner or admin can edit chat information in the current situation.",
    ),
    (400, 1_772_006, "announcement type is not supported"),
    (400, 1_772_025, "Bot ability is not activated."),
    (
        400,
        1_772_034,
        "The app is unavailable or inactivated by the tenant.",
    ),
    (429, 99_991_400, "request trigger frequency limit"),
    (
        400,
        99_991_661,
        "Missing access token for authorization. Please make a request with token attached.",
    ),
    (
        400,
        99_991_663,
        "Invalid access token for authorization. Please make a request with token attached.",
    ),
    (400, 99_992_402, "field validation failed"),
];

/// 232018 around an error number of the document itself.
pub(crate) fn failed(code: u32, detail: &str) -> Refusal {
    Refusal::code(232_018).because(&format!("code: {code}, msg: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_without_duplicates() {
        assert!(CODES.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}
