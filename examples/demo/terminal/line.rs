//! What a typed line asks for (pure).

/// One typed line, read.
#[derive(Debug)]
pub(crate) enum Line {
    /// To be said in the group.
    Say(Saying),
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
    /// `:press NUMBER LABEL`
    Press { message: usize, label: String },
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
    /// Only the return key.
    Nothing,
}

/// A message about to be sent.
#[derive(Debug)]
pub(crate) struct Saying {
    /// The number of the message replied to.
    pub(crate) reply_to: Option<usize>,
    /// As a post, not as a text message.
    pub(crate) rich: bool,
    pub(crate) text: String,
}

/// What `:help` shows.
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

/// Reads a line; the error is a sentence for the user.
pub(crate) fn parse(line: &str) -> Result<Line, String> {
    let line = line.trim();
    let Some((name, rest)) = colon_command(line) else {
        return if line.is_empty() {
            Ok(Line::Nothing)
        } else {
            saying(line).map(Line::Say)
        };
    };
    let rest = rest.to_owned();
    Ok(match name {
        "reply" | "mention" | "rich" => Line::Say(saying(line)?),
        "as" => Line::As(rest),
        "in" => Line::In(rest),
        "edit" => Line::Edit(typed(&rest)),
        "type" => Line::Type(rest),
        "picture" => Line::Picture,
        "press" => match numbered(&rest) {
            Some((message, label)) => Line::Press {
                message,
                label: label.to_owned(),
            },
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

/// Reads what is said; the ways to say it can be combined: `> 3 :mention /pin`.
fn saying(text: &str) -> Result<Saying, String> {
    if let Some((number, rest)) = text.strip_prefix('>').and_then(numbered) {
        return replying(number, rest);
    }
    match colon_command(text) {
        Some(("reply", rest)) => match numbered(rest) {
            Some((number, rest)) => replying(number, rest),
            None => Err("Reply to which message? Write `:reply 3 /pin`.".to_owned()),
        },
        Some(("mention", rest)) => saying(rest).map(|saying| Saying {
            text: format!("@noticebot {}", saying.text),
            ..saying
        }),
        Some(("rich", rest)) => saying(rest).map(|saying| Saying {
            rich: true,
            ..saying
        }),
        _ if text.is_empty() => Err("The message is empty.".to_owned()),
        _ => Ok(Saying {
            reply_to: None,
            rich: false,
            text: typed(text),
        }),
    }
}

fn replying(number: usize, rest: &str) -> Result<Saying, String> {
    saying(rest).map(|saying| Saying {
        reply_to: Some(number),
        ..saying
    })
}

fn colon_command(text: &str) -> Option<(&str, &str)> {
    // A Chinese keyboard types the wide one.
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

/// The text with the line breaks that a line cannot hold.
fn typed(text: &str) -> String {
    text.replace("\\n", "\n")
}
