//! Tags that only a card knows.

/// Markdown of a card without the tags that only a card knows: mentions become placeholders or
/// names, line breaks line breaks, and colors nothing.
pub(crate) fn plain_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let read = tag.find('>').and_then(|end| {
            let inside = tag.get(1..end)?;
            Some((inside, tag.get(end + 1..)?))
        });
        let Some((inside, after)) = read else {
            plain.push_str(tag);
            return plain;
        };
        let name = inside.trim_start_matches('/');
        let name_end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &name[..name_end.unwrap_or(name.len())];
        rest = match name {
            "br" => {
                plain.push('\n');
                after
            }
            "font" | "text_tag" | "number_tag" => after,
            "at" if !inside.starts_with('/') => {
                let (shown, after) = mention(inside, after);
                plain.push_str(&shown);
                after
            }
            _ => {
                plain.push('<');
                &tag[1..]
            }
        };
    }
    plain + rest
}

/// The visible text of an `<at …>name</at>`, and the rest.
pub(crate) fn mention<'t>(tag: &str, after: &'t str) -> (String, &'t str) {
    let (name, after) = match after.split_once("</at>") {
        Some((name, after)) if !name.contains('<') => (name, after),
        _ => ("", after),
    };
    let attribute = |wanted: &str| {
        tag.split_whitespace().skip(1).find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value = value.trim_matches(['"', '\'', '/']);
            (key == wanted && !value.is_empty()).then_some(value)
        })
    };
    let id = attribute("id").or_else(|| attribute("user_id"));
    let shown = match (attribute("mention_key"), name.trim(), id) {
        (Some(key), ..) => key.to_owned(),
        (None, _, Some("all")) => "@_all".to_owned(),
        (None, "", _) => String::new(),
        (None, name, _) => format!("@{}", name.trim_start_matches('@')),
    };
    (shown, after)
}
