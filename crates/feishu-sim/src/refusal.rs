//! Refusals: the documented error codes with their HTTP status and exact text.

use serde_json::{Value, json};

/// Why a call was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) msg: String,
    /// The `error` object, without its log id; in the form of OAuth, more fields of the body.
    pub(crate) error: Value,
    /// `x-ogw-ratelimit-limit` and seconds for `x-ogw-ratelimit-reset`.
    pub(crate) rate_limit: Option<(u32, u64)>,
    /// Whether the body has the form of OAuth.
    pub(crate) is_oauth: bool,
    /// Why no correct client sends such a request; fails the test.
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
            is_oauth: false,
            violation: None,
        }
    }

    /// A refusal with the documented status and text; 400 without text for an unknown code.
    pub(crate) fn code(code: i64) -> Self {
        let row = codes().find(|row| row.1 == code);
        let (status, _, msg) = row.unwrap_or((400, code, ""));
        Self::new(status, code, msg)
    }

    /// 99992402 with the name of the field, as the gateway responds.
    pub(crate) fn field(field: &str, description: &str) -> Self {
        let mut refusal = Self::code(99_992_402);
        refusal.error = json!({"field_violations": [{"field": field, "description": description}]});
        refusal
    }

    /// A refusal of the endpoints for tokens of users.
    pub(crate) fn oauth_code(code: i64) -> Self {
        let mut refusal = Self::code(code);
        refusal.is_oauth = true;
        refusal
    }

    /// A refusal without a code.
    pub(crate) fn oauth(error: &str) -> Self {
        let mut refusal = Self::new(400, 0, error);
        refusal.is_oauth = true;
        refusal
    }

    /// The `error` in the form of OAuth. Only some names are known from reports (20050 and 20064);
    /// the others are those of RFC 6749.
    pub(crate) fn oauth_error(&self) -> &str {
        match self.code {
            0 => &self.msg,
            20_002 | 20_048 | 20_069 => "invalid_client",
            20_003 | 20_004 | 20_024 | 20_026 | 20_037 | 20_049 | 20_064 | 20_065 | 20_071
            | 20_073 => "invalid_grant",
            20_036 => "unsupported_grant_type",
            20_050 => "server_error",
            20_067 | 20_068 => "invalid_scope",
            20_072 => "temporarily_unavailable",
            20_074 => "unauthorized_client",
            _ => "invalid_request",
        }
    }

    /// Replaces another refusal, but keeps its violation.
    pub(crate) fn instead_of(mut self, other: Self) -> Self {
        self.violation = other.violation;
        self
    }

    /// Appends a detail, as 232018 does with the error of the document.
    pub(crate) fn because(mut self, detail: &str) -> Self {
        self.msg = format!("{} {detail}", self.msg);
        self
    }

    /// Marks the request as a violation.
    pub(crate) fn violating(mut self, what: impl Into<String>) -> Self {
        self.violation = Some(what.into());
        self
    }
}

/// HTTP status, code and text of a refusal per line, by code (error tables of the official pages;
/// the gateway's statuses were measured by third parties).
const CODES: &str = "\
200 1 system busy
200 403 forbidden
200 514 auth failed
200 10003 invalid param
200 10005 app id unauthorized
200 10012 get app access token fail
200 10013 get tenant access token fail
200 10014 app secret invalid
200 10016 app resend fail
400 10030 bot not in chat
400 10034 chat tenant id mismatch tenant access token
400 11101 open_id not exist
400 11205 app do not have bot
400 11206 user not in chat
400 11213 chat not found
400 11225 the bot is invisible to the user
400 11233 create message chat trigger rate limit
400 11237 group chat dissolved
400 11239 permission denied
400 11246 create message content fail
400 18053 chat can not be thread
400 20001 The request is missing a required parameter.
400 20002 The client secret is invalid.
400 20003 The authorization code is not found. Please note that an authorization code can only be used once.
400 20004 The authorization code has expired.
200 20005 The user access token passed is invalid. Please check the value
400 20008 The user does not exist.
400 20009 The specified app is not installed.
400 20010 The user does not have permission to use this app.
400 20024 The provided authorization code or refresh token does not match the provided client ID.
400 20026 The refresh token passed is invalid. Please check the value.
400 20036 The specified grant_type is not supported.
400 20037 The refresh token passed has expired. Please generate a new one.
400 20048 The specified app does not exist.
400 20049 PKCE code challenge failed.
500 20050 An unexpected server error occurred. Please retry your request.
400 20063 The request is malformed. Please check your request.
400 20064 The refresh token has been revoked. Please note that a refresh token can only be used once.
400 20065 The authorization code has been used. Please note that an authorization code can only be used once.
400 20066 The user status is invalid.
400 20067 The provided scopes contain duplicates.
400 20068 The provided scopes are not permitted.
400 20069 The specified app is not enabled.
400 20070 Multiple authentication methods were provided. Please only use one to proceed.
400 20071 The provided redirect URI does not match the one used during authorization.
503 20072 The server is temporarily unavailable. Please retry your request.
400 20073 The refresh token has been used. Please note that a refresh token can only be used once.
400 20074 The specified app is not allowed to refresh token.
400 210508 insufficient permission level
400 230001 Your request contains an invalid request parameter.
400 230002 The bot can not be outside the group.
400 230006 Bot ability is not activated.
400 230011 The message is recalled.
400 230012 Bot is NOT the sender of the message.
400 230013 Bot has NO availability to this user.
400 230018 These operations are NOT allowed at current group settings.
400 230020 This operation triggers the frequency limit.
400 230025 The length of the message content reaches its limit.
400 230027 Lack of necessary permissions.
400 230028 The messages do NOT pass the audit.
400 230029 User has resigned.
400 230033 Get the reading status must be done within 7 days after the message is sent.
400 230034 The receive_id is invalid.
400 230035 Send Message Permission deny.
400 230038 cross tenant p2p chat is not allowed
400 230049 The message is being sent.
400 230050 The message is invisible to the operator.
400 230053 The user has stopped the bot.
400 230071 group does not support reply in thread
400 230099 Failed to create card content.
400 230110 Action unavailable as the message has been deleted.
400 230111 Action unavailable as the message will self-destruct soon.
400 231001 reaction type is invalid.
400 231002 no permission to react
400 231003 message not found
400 231007 may not delete this reaction
400 231010 wrong reaction_id
400 231022 The bot is not available to this user.
400 232001 Your request contains an invalid request parameter.
400 232002 No Permission: Only chat owner or admin can edit chat information in the current situation.
400 232003 Chat announcement can NOT be found in chat information.
400 232006 Your request specifies a chat_id which is invalid.
400 232009 Your request specifies a chat which has already been dissolved.
400 232010 Operator and chat can NOT be in different tenants.
400 232011 Operator can NOT be out of the chat.
400 232014 The token used in the request does NOT have the permissions necessary to complete the request.
400 232018 Updating announcement failed.
400 232019 The request has been rate limited.
400 232024 Users do not have the visibility of the app, or the operator does not have collaboration permissions with the target users.
400 232025 Bot ability is not activated.
400 232033 The operator or invited bots does NOT have the authority to manage external chats without the scope.
400 232034 The app is unavailable or inactivate in the tenant.
400 232066 The operator does not have the doc permission.
400 232097 Unable to operate docx type chat announcement.
400 234001 Invalid request param.
400 234003 File not in message.
400 234004 App not in chat.
400 234037 File size exceeds the limit.
400 234038 The chat is in restricted mode.
400 234040 The message is invisible to the operator.
400 234043 Unsupported message type.
200 1061001 internal error.
400 1061002 params error.
404 1061003 not found.
403 1061004 forbidden.
401 1061005 auth failed.
200 1061006 internal time out.
404 1061007 file has been delete.
400 1061008 invalid file name.
400 1061041 parent node has been deleted.
400 1061042 parent node out of limit.
400 1061043 file size beyond limit.
400 1061044 parent node not exist.
200 1061045 can retry.
400 1061061 user quota exceeded.
403 1061073 no scope auth.
400 1061101 file quota exceeded.
400 1061109 cqc not passed.
400 1061113 cqc not passed.
400 1061547 attachment parent-child relation number exceed.
400 1062008 checksum param Invalid.
400 1062009 the actual size is inconsistent with the parameter declaration size.
400 1770001 invalid param
404 1770002 not found
400 1770006 schema mismatch
400 1770007 too many children in block
400 1770008 file size exceed limited
400 1770010 too many table column
400 1770011 too many table cell
400 1770012 too many grid column
400 1770013 relation mismatch
400 1770019 repeated blockID in document
400 1770021 too old document
400 1770024 invalid operation
400 1770025 operation and block not match
400 1770026 row operation over range
400 1770027 column operation over range
400 1770028 block not support create children
400 1770029 block not support to create
400 1770030 invalid parent children relation
403 1770032 forbidden
400 1770033 raw content size exceed limited
400 1770034 operation count exceed limited
400 1770035 resource count exceed limited
400 1770038 resource not found
500 1771001 server internal error
500 1771002 gateway server internal error
503 1771005 system under maintenance
400 1772001 Chat announcement can NOT be found in chat information.
400 1772002 Operator and chat can NOT be in different tenants.
400 1772003 Operator can NOT be out of the chat.
400 1772004 The operator or invited bots does NOT have the authority to manage external chats without the scope.
400 1772005 No Permission: Only chat owner or admin can edit chat information in the current situation.
400 1772006 announcement type is not supported
400 1772025 Bot ability is not activated.
400 1772034 The app is unavailable or inactivated by the tenant.
400 40000000 command already exists
400 40000031 invalid icon
429 99991400 request trigger frequency limit
400 99991661 Missing access token for authorization. Please make a request with token attached.
400 99991662 The app is not in use.
400 99991663 Invalid access token for authorization. Please make a request with token attached.
400 99991665 Invalid tenant code.
400 99991668 Invalid access token for authorization. Please make a request with token attached.
400 99991673 The app is not available for the tenant.
401 99991677 Authentication token expired. Please request a new one.
400 99992402 field validation failed
";

fn codes() -> impl Iterator<Item = (u16, i64, &'static str)> {
    CODES.lines().filter_map(|line| {
        let (status, line) = line.split_once(' ')?;
        let (code, msg) = line.split_once(' ')?;
        Some((status.parse().ok()?, code.parse().ok()?, msg))
    })
}

/// 232018 with an error number of the document.
pub(crate) fn failed(code: u32, detail: &str) -> Refusal {
    Refusal::code(232_018).because(&format!("code: {code}, msg: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_sorted() {
        assert_eq!(codes().count(), CODES.lines().count());
        assert!(codes().is_sorted_by(|one, other| one.1 < other.1));
    }
}
