//! The secret of a connection, in a type that cannot print it.

use std::fmt;

/// A Notion token: of an internal connection, of an OAuth grant, or a personal one.
///
/// Neither `Debug` nor `Display` shows it: they print its kind and a short fingerprint, enough to tell two tokens apart.
/// It has no `Serialize`.
///
/// ```
/// use notion_sync_client::Token;
/// let token = Token::new("ntn_0123456789")?.labelled("NOTION_TOKEN");
/// assert!(!format!("{token:?} {token}").contains("0123456789"));
/// assert!(token.to_string().contains("NOTION_TOKEN"));
/// # Ok::<(), notion_sync_client::InvalidToken>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: Box<str>,
    label: Option<Box<str>>,
}

impl Token {
    /// Takes the token without surrounding white space.
    ///
    /// # Errors
    /// [`InvalidToken`] when nothing is left, or when it holds white space or bytes that no header may carry.
    pub fn new(secret: impl AsRef<str>) -> Result<Self, InvalidToken> {
        let secret = secret.as_ref().trim();
        if secret.is_empty() {
            return Err(InvalidToken::Empty);
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken::Characters);
        }
        Ok(Self {
            secret: secret.into(),
            label: None,
        })
    }

    /// Names where the token came from, such as `NOTION_TOKEN`; errors then point there.
    #[must_use]
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into().into());
        self
    }

    /// The label, when one was given.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Eight hex digits that tell tokens apart; nothing of the token can be computed from them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // FNV-1a, folded to 32 bits: far fewer bits than a token has.
        let hash = self
            .secret
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    fn kind(&self) -> &'static str {
        ["ntn_", "secret_"]
            .into_iter()
            .find(|prefix| self.secret.starts_with(prefix))
            .unwrap_or("")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, fingerprint) = (self.kind(), self.fingerprint());
        match &self.label {
            Some(label) => write!(f, "{label} ({kind}…, fingerprint {fingerprint})"),
            None => write!(f, "{kind}… (fingerprint {fingerprint})"),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// Why a text is not a token. The text itself is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Nothing but white space.
    #[error("the token is empty")]
    Empty,
    /// White space or other characters inside, as a bad copy leaves them.
    #[error("the token holds characters that no token has; copy it again")]
    Characters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_never_printed() {
        let token = Token::new(" ntn_abcdef \n").unwrap();
        assert_eq!(token.secret(), "ntn_abcdef");
        assert!(!format!("{token} {token:?}").contains("abcdef"));
        assert_ne!(
            token.fingerprint(),
            Token::new("ntn_abcdeg").unwrap().fingerprint()
        );
        assert_eq!(Token::new("a b").unwrap_err(), InvalidToken::Characters);
        assert_eq!(Token::new(" ").unwrap_err(), InvalidToken::Empty);
    }
}
