//! A file with environment variables, one `NAME=value` a line, as Docker and systemd read it.

use std::fmt;

/// A file that is read and changed line by line, so that comments and other lines stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EnvFile(Vec<String>);

impl EnvFile {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.trim_end_matches('\r'));
        Self(lines.map(str::to_owned).collect())
    }

    /// The variables in order; the last one of a name counts.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|line| variable(line))
    }

    /// The name and the value of the last line that sets one of these names to something.
    pub(crate) fn value_of(&self, names: &[String]) -> Option<(&str, &str)> {
        let set = self
            .variables()
            .filter(|(name, value)| names.iter().any(|known| known == name) && !value.is_empty());
        set.last()
    }

    /// Sets a variable where one of these names was set, or at the end.
    pub(crate) fn set(&mut self, name: &str, value: &str, names: &[String]) {
        let is_it = |line: &String| {
            variable(line).is_some_and(|(name, _)| names.iter().any(|known| known == name))
        };
        let place = self.0.iter().position(is_it);
        let place = place.unwrap_or(self.0.len());
        self.0.retain(|line| !is_it(line));
        let line = format!("{name}={}", quoted(value));
        self.0.insert(place.min(self.0.len()), line);
    }
}

impl fmt::Display for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// `None` for a comment, an empty line, and a line without a name.
fn variable(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then(|| (name, unquoted(value.trim())))
}

/// Without quotes, or else without a comment.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote);
        if let Some((inner, _)) = inner.and_then(|inner| inner.split_once(quote)) {
            return inner;
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end()
}

/// Readers differ in what they do with `$`, `#` and quotes.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    if value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{value}'")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn variables_are_read_as_docker_reads_them() {
        let text =
            "# A=1\n\nB=2\n export C = 3 \nD=\"a b\" # x\nE='a # b'\nF=a#b # c\nG=\n=1\nH I=1\nB=4";
        let file = EnvFile::parse(text);
        let read: Vec<_> = file.variables().collect();
        let expected = [
            ("B", "2"),
            ("C", "3"),
            ("D", "a b"),
            ("E", "a # b"),
            ("F", "a#b"),
            ("G", ""),
            ("B", "4"),
        ];
        assert_eq!(read, expected);
        assert_eq!(file.value_of(&names(&["B"])), Some(("B", "4")));
        assert_eq!(file.value_of(&names(&["G", "A"])), None);
    }

    #[test]
    fn a_variable_is_set_in_its_place() {
        let all = names(&["A", "A_FILE"]);
        for (before, after) in [
            ("", "A=new\n"),
            ("# A=1\nB=2", "# A=1\nB=2\nA=new\n"),
            ("A=1\n# end", "A=new\n# end\n"),
            ("# \r\r\nA=1\r\n", "# \nA=new\n"),
            ("B=2\nA_FILE=/x\n\nexport A=1\nC=3", "B=2\nA=new\n\nC=3\n"),
        ] {
            let mut file = EnvFile::parse(before);
            file.set("A", "new", &all);
            assert_eq!(file.to_string(), after, "{before:?}");
        }
    }

    proptest! {
        #[test]
        fn values_are_read_as_they_were_written(
            value in "[!-&(-~]{0,40}",
            before in "([A-Z]=[a-z]{0,3}\n|# .{0,5}\n){0,4}",
        ) {
            let mut file = EnvFile::parse(&before);
            file.set("NEW", &value, &names(&["NEW"]));
            let read = EnvFile::parse(&file.to_string());
            prop_assert_eq!(read.variables().last(), Some(("NEW", &*value)));
            prop_assert_eq!(read, file);
        }
    }
}
