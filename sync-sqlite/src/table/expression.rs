//! What a unique index on expressions compares, read from the statement that made it: no pragma tells.

/// The terms of `CREATE UNIQUE INDEX … ON table(term, …)`, without `ASC` and `DESC`; `None` for what does
/// not look like one.
pub(super) fn terms(sql: &str) -> Option<Vec<String>> {
    let mut depth = 0_usize;
    let mut terms = Vec::new();
    // Where the term under way begins and ends.
    let mut term: Option<(usize, usize)> = None;
    for (at, token) in tokens(sql)? {
        depth = match token {
            "(" => depth + 1,
            ")" => depth.checked_sub(1)?,
            _ => depth,
        };
        if depth == 0 && token != ")" || depth == 1 && token == "(" && term.is_none() {
            continue;
        }
        if depth == 0 || depth == 1 && token == "," {
            let (from, to) = term.take()?;
            terms.push(sql[from..to].to_owned());
            if depth == 0 {
                return Some(terms);
            }
            continue;
        }
        let is_order = depth == 1
            && ["asc", "desc"]
                .iter()
                .any(|order| token.eq_ignore_ascii_case(order));
        if !is_order {
            let from = term.map_or(at, |(from, _)| from);
            term = Some((from, at + token.len()));
        }
    }
    None
}

/// The columns of `CREATE TRIGGER … UPDATE OF column, column ON …`; `None` for what does not look like one.
pub(super) fn update_of(sql: &str) -> Option<Vec<String>> {
    let is = |word: &'static str| move |token: &&str| token.eq_ignore_ascii_case(word);
    let mut tokens = tokens(sql)?.into_iter().map(|(_, token)| token);
    tokens.find(is("of"))?;
    let listed: Vec<&str> = tokens.collect();
    let end = listed.iter().position(|token| is("on")(token))?;
    let columns = listed[..end].iter().filter(|token| **token != ",");
    Some(columns.map(|token| bare(token)).collect())
}

/// The text that a default stands for if it is a word, or one in quotes other than a text's.
pub(super) fn word(default: &str) -> Option<String> {
    let tokens = tokens(default)?;
    let [(_, only)] = tokens.as_slice() else {
        return None;
    };
    let is_value = only.starts_with(|c: char| c == '\'' || c.is_ascii_digit())
        || ["null", "true", "false"]
            .iter()
            .any(|value| only.eq_ignore_ascii_case(value));
    (!is_value && !calls(only)).then(|| bare(only))
}

/// Whether a default is computed when a row is made.
pub(super) fn calls(default: &str) -> bool {
    let is_call = |token: &str| {
        token == "("
            || token
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case("current_"))
    };
    let tokens = tokens(default).unwrap_or_default();
    tokens.into_iter().any(|(_, token)| is_call(token))
}

/// A name without its quotes.
fn bare(token: &str) -> String {
    let inner = token.get(1..token.len() - 1).unwrap_or_default();
    match token.as_bytes() {
        [b'"', .., b'"'] => inner.replace("\"\"", "\""),
        [b'`', .., b'`'] => inner.replace("``", "`"),
        [b'[', .., b']'] => inner.to_owned(),
        _ => token.to_owned(),
    }
}

/// Whether a term may speak of a column. A word that only looks so does no harm.
pub(super) fn mentions(term: &str, column: &str) -> bool {
    let tokens = tokens(term).unwrap_or_default();
    tokens
        .into_iter()
        .any(|(_, token)| bare(token).eq_ignore_ascii_case(column))
}

/// Words, quoted things and single characters, each with its place; comments and spaces are left out.
/// `None` where a quote is not closed.
fn tokens(sql: &str) -> Option<Vec<(usize, &str)>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
        let length = match first {
            '\'' | '"' | '`' => quoted(rest, first)?,
            '[' => rest.find(']')? + 1,
            _ if rest.starts_with("--") => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            _ if rest.starts_with("/*") => {
                rest = rest.split_once("*/").map_or("", |(_, after)| after);
                continue;
            }
            _ if in_word(first) => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
            _ if first.is_whitespace() => {
                rest = rest.trim_start();
                continue;
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push((sql.len() - rest.len(), token));
        rest = after;
    }
    Some(tokens)
}

/// The length of a quoted thing; a doubled quote stands for itself.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text.get(at..)?.find(quote)? + 1;
        if !text[at..].starts_with(quote) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn terms_are_found_among_quotes_comments_and_brackets() {
        let sql = "CREATE UNIQUE INDEX \"a(\" ON [t)]((lower(a)) || ')' DESC, -- the first, one
            b||'x,''y' /* , */ COLLATE NOCASE /* ) */, \"c,\"\"d\" ASC,
            d ->> 'p' > 1.5e3 -- )
            ) WHERE a <> '('";
        assert_eq!(
            terms(sql).unwrap(),
            [
                "(lower(a)) || ')'",
                "b||'x,''y' /* , */ COLLATE NOCASE",
                "\"c,\"\"d\"",
                "d ->> 'p' > 1.5e3"
            ]
        );
        for odd in ["", "CREATE INDEX i ON t", "ON t('", "ON t(a"] {
            assert_eq!(terms(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_term_tells_which_columns_it_may_speak_of() {
        let term = "lower(Name) || \"a\"\"b\" || [c d] || 'e'";
        for column in ["name", "a\"b", "C D"] {
            assert!(mentions(term, column), "{column}");
        }
        for column in ["e", "low", "b"] {
            assert!(!mentions(term, column), "{column}");
        }
    }
}
