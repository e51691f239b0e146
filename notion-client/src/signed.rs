//! Addresses that open a file for everybody who has them. What signs them is not to be kept anywhere.

use std::borrow::Cow;

/// What the query of a signed address holds, in lower case.
const MARKS: [&str; 3] = ["x-amz-", "signature=", "expires="];

/// The text without the queries of signed addresses in it, for whoever keeps, shows or logs it.
///
/// ```
/// let text = "see https://s3.example/x?X-Amz-Signature=abc there";
/// assert_eq!(notion_sync_client::unsigned(text), "see https://s3.example/x there");
/// ```
pub fn unsigned(text: &str) -> Cow<'_, str> {
    if !text.contains('?') || !is_marked(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        match word.split_once('?') {
            Some((stem, query)) if stem.contains("://") && is_marked(query) => {
                out.push_str(stem);
                out.push_str(&piece[word.len()..]);
            }
            _ => out.push_str(piece),
        }
    }
    Cow::Owned(out)
}

fn is_marked(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e11_only_queries_that_sign_go() {
        let signed = "see https://s3.example/x?x-amz-date=1 there? yes";
        assert_eq!(unsigned(signed), "see https://s3.example/x there? yes");
        let plain = "see https://example.org/?page=2";
        assert_eq!(unsigned(plain), plain);
    }
}
