//! The parser of typed lines.

/// A parsed line.
#[derive(Debug)]
pub(crate) enum Line {
    /// A message to the group.
    Say(OutgoingMessage),
    /// `:as NAME`
    As(String),
    /// `:in GROUP`
    In(String),
    /// `:edit TEXT`
    Edit(String),
    /// `:type TEXT`
    Type(String),
    /// `:picture`
    Picture,
    /// `:press NUMBER LABEL = TEXT`
    Press {
        message: usize,
        label: String,
        /// For the input of the card; empty if there is none.
        typed: String,
    },
    /// `:fault CALL FAULT`
    Fault { call: String, fault: String },
    /// `:who`
    Who,
    /// `:show`
    Show,
    /// `:help`
    Help,
    /// `:quit`
    Quit,
    /// An empty line.
    Nothing,
}

/// A message to send.
#[derive(Debug)]
pub(crate) struct OutgoingMessage {
    /// The number of the replied-to message.
    pub(crate) reply_to: Option<usize>,
    /// Whether to send a post instead of a text message.
    pub(crate) rich: bool,
    pub(crate) text: String,
}

/// The output of `:help`.
pub(crate) const HELP: &str = "\
A line without a colon in front is said in the group. `\\n` in it breaks the
line; @noticebot, @olga and @mei are mentions.

  > 3 TEXT                reply to message 3; also :reply 3 TEXT
  :mention TEXT           say it with @noticebot in front
  :rich TEXT              say it as a rich-text message
  :as olga | mei          be the owner, or the member
  :in ops | club | board  go to another group
  :edit TEXT              write the announcement anew by hand, as in Feishu
  :type TEXT              type one more line at its end
  :picture                put a picture there
  :press 3 LABEL          press that button of message 3
  :press 3 LABEL = TEXT   the same after you typed TEXT into the card
  :fault pin FAULT        let the next /pin go wrong; FAULT is one of
                            refused  Feishu says that the bot may not
                            limited  Feishu says \"too many requests\" for 10 s
                            error    Feishu's server fails
                            lost     it is done, but the answer gets lost
  :fault announce FAULT   the same for the next /announce
  :show                   the top notice and the announcement
  :who                    people and groups
  :help                   this
  :quit                   leave; Ctrl-C and Ctrl-D do so too

The bot's own commands start with a slash: try /help.";

/// Parses a line; the error is a sentence for the user.
pub(crate) fn parse(line: &str) -> Result<Line, String> {
    let line = line.trim();
    let Some((name, rest)) = colon_command(line) else {
        return if line.is_empty() {
            Ok(Line::Nothing)
        } else {
            message(line).map(Line::Say)
        };
    };
    let rest = rest.to_owned();
    Ok(match name {
        "reply" | "mention" | "rich" => Line::Say(message(line)?),
        "as" => Line::As(rest),
        "in" => Line::In(rest),
        "edit" => Line::Edit(typed(&rest)),
        "type" => Line::Type(rest),
        "picture" => Line::Picture,
        "press" => match numbered(&rest) {
            Some((message, rest)) => {
                let (label, typed) = rest.split_once(" = ").unwrap_or((rest, ""));
                Line::Press {
                    message,
                    label: label.to_owned(),
                    typed: typed.to_owned(),
                }
            }
            None => return Err("Press what? Write `:press 3 Undo the last change`.".to_owned()),
        },
        "fault" => {
            let (call, fault) = word(&rest);
            Line::Fault {
                call: call.to_owned(),
                fault: fault.to_owned(),
            }
        }
        "who" => Line::Who,
        "show" => Line::Show,
        "help" => Line::Help,
        "quit" => Line::Quit,
        _ => {
            return Err(format!(
                "There is no `:{name}`; `:help` shows what there is."
            ));
        }
    })
}

/// Parses a message; the prefixes can be combined: `> 3 :mention /pin`.
fn message(text: &str) -> Result<OutgoingMessage, String> {
    if let Some((number, rest)) = text.strip_prefix('>').and_then(numbered) {
        return reply(number, rest);
    }
    match colon_command(text) {
        Some(("reply", rest)) => match numbered(rest) {
            Some((number, rest)) => reply(number, rest),
            None => Err("Reply to which message? Write `:reply 3 /pin`.".to_owned()),
        },
        Some(("mention", rest)) => message(rest).map(|message| OutgoingMessage {
            text: format!("@noticebot {}", message.text),
            ..message
        }),
        Some(("rich", rest)) => message(rest).map(|message| OutgoingMessage {
            rich: true,
            ..message
        }),
        _ if text.is_empty() => Err("The message is empty.".to_owned()),
        _ => Ok(OutgoingMessage {
            reply_to: None,
            rich: false,
            text: typed(text),
        }),
    }
}

fn reply(number: usize, rest: &str) -> Result<OutgoingMessage, String> {
    message(rest).map(|message| OutgoingMessage {
        reply_to: Some(number),
        ..message
    })
}

fn colon_command(text: &str) -> Option<(&str, &str)> {
    // Chinese keyboards type the full-width colon.
    text.strip_prefix([':', '：']).map(word)
}

fn numbered(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = word(text.trim_start());
    Some((number.parse().ok()?, rest))
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// Replaces `\n` by line breaks.
fn typed(text: &str) -> String {
    text.replace("\\n", "\n")
}
