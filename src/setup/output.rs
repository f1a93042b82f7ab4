//! The steps of a set-up, as text and as lines of JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::error::SetupError;
use super::qr;
use crate::text::{printable, printable_json};

/// How steps are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// One object a line.
    Json,
    /// With a QR code if the output is a terminal with so many columns.
    Text { columns: Option<u16> },
}

/// Where steps are printed.
pub(super) struct Output<'a> {
    pub(super) format: OutputFormat,
    pub(super) out: &'a mut dyn Write,
}

/// What has happened.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum Step<'a> {
    /// Somebody has to open the link.
    Link {
        url: &'a str,
        /// In seconds.
        expires_in: u64,
    },
    /// The person has confirmed.
    Confirmed {
        app_id: &'a str,
        brand: &'static str,
    },
    Written {
        file: &'a str,
    },
    /// An admin has to approve scopes.
    Waiting {
        scopes: Vec<&'static str>,
        /// Those among them that the app does not even ask for.
        not_requested: Vec<&'static str>,
        /// The page on which the app asks for them, if its address is known.
        url: Option<String>,
        /// In seconds.
        at_most: u64,
    },
    Approved,
    NotApproved,
    /// The report of `noticebot check`, as its JSON and as its text.
    Checked {
        report: Value,
        #[serde(skip)]
        text: String,
    },
    Next {
        todo: Vec<String>,
    },
    Failed {
        what: &'a str,
        remedy: &'a str,
    },
}

impl Output<'_> {
    pub(super) fn print(&mut self, step: &Step<'_>) -> io::Result<()> {
        match self.format {
            OutputFormat::Json => {
                let json = serde_json::to_string(step)?;
                writeln!(self.out, "{}", printable_json(&json))?;
            }
            OutputFormat::Text { columns } => write!(self.out, "{}", step.text(columns))?,
        }
        self.out.flush()
    }

    pub(super) fn failed(&mut self, error: &SetupError) -> io::Result<()> {
        let SetupError { what, remedy, .. } = error;
        self.print(&Step::Failed { what, remedy })
    }
}

impl Step<'_> {
    /// Ends with a line break, unless it is empty.
    fn text(&self, columns: Option<u16>) -> String {
        match self {
            Self::Link { url, expires_in } => link(url, *expires_in, columns),
            Self::Confirmed { app_id, .. } => format!("✓ app: `{}`\n", printable(app_id)),
            Self::Written { file } => {
                format!("✓ settings: written to `{}`\n", printable(file))
            }
            Self::Waiting {
                scopes,
                not_requested,
                url,
                at_most,
            } => waiting(scopes, not_requested, url.as_deref(), *at_most),
            Self::Approved => "✓ scopes: all are granted\n\n".to_owned(),
            Self::NotApproved => "! scopes: not all are granted yet\n\n".to_owned(),
            Self::Checked { text, .. } => format!("{text}\n"),
            Self::Next { todo } => next(todo),
            // Goes to standard error.
            Self::Failed { .. } => String::new(),
        }
    }
}

fn link(url: &str, expires_in: u64, columns: Option<u16>) -> String {
    let minutes = expires_in.div_ceil(60);
    let code = columns.and_then(|columns| qr::render(url, columns.into()));
    let how = match (&code, columns) {
        (Some(_), _) => {
            "Scan this code with Feishu or Lark, or open the link below it in a browser"
        }
        (None, Some(_)) => {
            "Open this link in a browser (for a QR code, make the terminal wider and start again)"
        }
        (None, None) => "Open this link in a browser",
    };
    format!(
        "{how}, and confirm the app. It is valid for {minutes} min and for one person.\n\n{}{}{url}\n\nWaiting…\n",
        code.as_deref().unwrap_or_default(),
        if code.is_some() { "\n" } else { "" },
    )
}

fn waiting(scopes: &[&str], not_requested: &[&str], url: Option<&str>, at_most: u64) -> String {
    let mut text = String::from("! scopes: an admin of your organization has to approve\n");
    // Writing to a string cannot fail.
    for scope in scopes {
        let note = if not_requested.contains(scope) {
            " (the app does not ask for it yet)"
        } else {
            ""
        };
        let _ = writeln!(text, "    {scope}{note}");
    }
    let minutes = at_most.div_ceil(60);
    let page = url.unwrap_or("\"Permissions & Scopes\" in the developer console");
    let _ = writeln!(
        text,
        "  → if no admin was asked, request them at {page}, then create a version and submit it\n\
         Waiting for at most {minutes} min. Ctrl-C ends the wait; the settings are already written.",
    );
    text
}

fn next(todo: &[String]) -> String {
    let mut text = String::from("\nNext:\n");
    for (number, what) in todo.iter().enumerate() {
        let _ = writeln!(text, "{}. {what}", number + 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(step: &Step<'_>, format: OutputFormat) -> String {
        let mut out = Vec::new();
        let mut output = Output {
            format,
            out: &mut out,
        };
        output.print(step).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_a_wide_terminal_has_a_code() {
        let url = "https://open.feishu.cn/page/launcher?user_code=ABCD-EFGH";
        let step = Step::Link {
            url,
            expires_in: 600,
        };
        for (columns, has_code) in [(Some(80), true), (Some(20), false), (None, false)] {
            let text = printed(&step, OutputFormat::Text { columns });
            assert!(
                text.contains(url) && text.contains("valid for 10 min"),
                "{text}"
            );
            assert_eq!(text.contains('▀'), has_code, "{text}");
            assert_eq!(text.contains('\x1b'), has_code, "{text}");
        }
        let json = printed(&step, OutputFormat::Json);
        assert_eq!(
            json,
            format!("{{\"step\":\"link\",\"url\":\"{url}\",\"expires_in\":600}}\n")
        );
    }

    #[test]
    fn scopes_that_are_not_requested_are_marked() {
        let step = Step::Waiting {
            scopes: vec!["im:message.group_msg", "im:chat:readonly"],
            not_requested: vec!["im:chat:readonly"],
            url: Some("https://open.feishu.cn/app/cli_1/auth".to_owned()),
            at_most: 600,
        };
        insta::assert_snapshot!(printed(&step, OutputFormat::Text { columns: None }));
    }
}
