//! The XML-like parts of the dialect: tags, attribute lists, and what has to be escaped.

/// Characters that stand for themselves only behind a backslash.
const SPECIAL: &str = "\\*~`$[]<>{}|^";

/// Appends text so that it is read as text: no marks, no tags; line breaks as `<br>`.
///
/// An underscore between two letters or digits needs no backslash; the others could open or close
/// italics.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = before.is_some_and(is_word) && chars.peek().copied().is_some_and(is_word);
        if c == '\n' {
            out.push_str("<br>");
        } else {
            if SPECIAL.contains(c) || c == '_' && !inside {
                out.push('\\');
            }
            out.push(c);
        }
        before = Some(c);
    }
}

/// Whether an underscore beside it belongs to a word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

/// A tag: `<name key="value">`, `<name …/>` or `</name>`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    pub(super) attributes: Vec<(&'t str, String)>,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Open,
    Close,
    /// `<name/>`
    Alone,
}

impl Tag<'_> {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    pub(super) fn is(&self, name: &str, form: Form) -> bool {
        self.name == name && self.form == form
    }
}

/// The value of an attribute.
pub(super) fn find<'a>(attributes: &'a [(&str, String)], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.as_str())
}

/// The tag at the beginning of a text, and what is behind it.
pub(super) fn leading(text: &str) -> Option<(Tag<'_>, &str)> {
    let rest = text.strip_prefix('<')?;
    if let Some(rest) = rest.strip_prefix('/') {
        let (name, rest) = word(rest)?;
        let tag = Tag {
            name,
            attributes: Vec::new(),
            form: Form::Close,
        };
        return Some((tag, rest.trim_start().strip_prefix('>')?));
    }
    let (name, rest) = word(rest)?;
    let (attributes, rest) = attributes(rest);
    let (form, rest) = match rest.strip_prefix("/>") {
        Some(rest) => (Form::Alone, rest),
        None => (Form::Open, rest.strip_prefix('>')?),
    };
    let tag = Tag {
        name,
        attributes,
        form,
    };
    Some((tag, rest))
}

/// A text without the attribute list it ends with, and the list.
pub(super) fn trailing(text: &str) -> (&str, Vec<(&str, String)>) {
    let none = (text, Vec::new());
    let Some(inner) = text.strip_suffix('}') else {
        return none;
    };
    let Some(open) = inner.rfind('{') else {
        return none;
    };
    let head = &text[..open];
    let (list, rest) = attributes(&inner[open + 1..]);
    let set_off = head.is_empty() || head.ends_with([' ', '\t']);
    if list.is_empty() || !rest.is_empty() || !set_off {
        return none;
    }
    (head.trim_end(), list)
}

/// Reads `key="value"` pairs; gives what is behind them, spaces left out.
fn attributes(text: &str) -> (Vec<(&str, String)>, &str) {
    let mut list = Vec::new();
    let mut rest = text.trim_start();
    while let Some((key, behind)) = word(rest) {
        let Some(behind) = behind.strip_prefix("=\"") else {
            break;
        };
        let Some((value, behind)) = behind.split_once('"') else {
            break;
        };
        list.push((key, value.replace("&quot;", "\"").replace("&amp;", "&")));
        rest = behind.trim_start();
    }
    (list, rest)
}

fn word(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Appends ` key="value"`.
pub(super) fn push_attribute(out: &mut String, key: &str, value: &str) {
    // Only what would be read as one of the two is escaped: addresses keep their ampersands.
    let value = value
        .replace("&amp;", "&amp;amp;")
        .replace("&quot;", "&amp;quot;")
        .replace('"', "&quot;")
        .replace('\n', " ");
    out.push(' ');
    out.push_str(key);
    out.push_str("=\"");
    out.push_str(&value);
    out.push('"');
}

/// What the dialect calls a color; `None` for the default.
pub(super) fn color_said(color: &str) -> Option<String> {
    match color.strip_suffix("_background") {
        Some(base) => Some(format!("{base}_bg")),
        None if color == "default" || color.is_empty() => None,
        None => Some(color.to_owned()),
    }
}

/// The color that the dialect calls so, if it is one.
pub(super) fn color_meant(said: &str) -> Option<String> {
    const COLORS: [&str; 9] = [
        "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red",
    ];
    let base = said
        .strip_suffix("_bg")
        .or_else(|| said.strip_suffix("_background"));
    match base {
        Some(base) if COLORS.contains(&base) => Some(format!("{base}_background")),
        None if COLORS.contains(&said) => Some(said.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_taken_apart() {
        let (tag, rest) = leading("<callout icon=\"💡\" color=\"red_bg\">rest").unwrap();
        assert!(tag.is("callout", Form::Open));
        assert_eq!(tag.attribute("icon"), Some("💡"));
        assert_eq!(tag.attribute("color"), Some("red_bg"));
        assert_eq!(rest, "rest");
        assert_eq!(leading("<a-b/>").unwrap().0.form, Form::Alone);
        assert_eq!(leading("</td> x").unwrap().1, " x");
        for no_tag in ["<", "< a>", "<a", "<a b=c>", "a<b>", "<a b=\"c>"] {
            assert!(leading(no_tag).is_none(), "{no_tag}");
        }
    }

    #[test]
    fn a_list_of_attributes_ends_a_line() {
        let (text, list) = trailing("# Title {toggle=\"true\" color=\"red\"}");
        assert_eq!(text, "# Title");
        assert_eq!(find(&list, "toggle"), Some("true"));
        for text in ["a {b}", "a{color=\"red\"}", "a \\{color=\"red\"\\}", "{}"] {
            assert_eq!(trailing(text), (text, Vec::new()));
        }
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for value in ["a\"b", "a&b=1", "&quot;", "&amp;quot;", "&amp;"] {
            let mut out = String::from("<a");
            push_attribute(&mut out, "b", value);
            out.push('>');
            assert_eq!(leading(&out).unwrap().0.attribute("b"), Some(value));
        }
    }
}
