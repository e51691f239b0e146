//! The digest of a canonical form.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 128 bits of BLAKE3 over a canonical encoding, tagged with the version of that encoding.
///
/// Digests of different versions never compare equal: both sides are recomputed from values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    version: u8,
    /// Most significant first, so that order is that of the number.
    bits: [u8; 16],
}

/// Bytes in which most records are written.
const USUAL: usize = 1_024;

impl Digest {
    /// Version of the canonical encoding that this build writes.
    pub const CANON: u8 = 1;

    /// Digests canonical bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(blake3::hash(bytes))
    }

    /// Digests the canonical JSON of a value whose maps are ordered.
    pub fn of_json<T: Serialize + ?Sized>(value: &T) -> Self {
        // One buffer hashed at once: a hasher fed token by token costs several times more.
        let mut bytes = Vec::with_capacity(USUAL);
        match serde_json::to_writer(&mut bytes, value) {
            Ok(()) => Self::of(&bytes),
            // The types digested here have string keys only, so this does not happen; if it did,
            // an unequal digest means one more look, never a lost edit.
            Err(error) => Self::of(error.to_string().as_bytes()),
        }
    }

    /// The digest of this one followed by another: of a sequence, one item after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        let mut bytes = [0; 34];
        for (at, digest) in [(0, self), (17, next)] {
            bytes[at] = digest.version;
            bytes[at + 1..at + 17].copy_from_slice(&digest.bits);
        }
        Self::of(&bytes)
    }

    /// The low 64 bits, for places where a short tag is enough.
    pub fn short(self) -> u64 {
        (self.number() & u128::from(u64::MAX)) as u64
    }

    /// The digest as `version:hex`, the form that is stored.
    pub fn to_text(self) -> String {
        self.to_string()
    }

    /// Reads the form written by [`Digest::to_text`].
    pub fn parse(text: &str) -> Option<Self> {
        let (version, hex) = text.split_once(':')?;
        let digits: &[u8; 32] = hex.as_bytes().try_into().ok()?;
        // Looked up: a look at everything reads eight of them a record.
        let value = |digit: u8| VALUES[usize::from(digit)];
        let (mut bits, mut any) = ([0; 16], 0);
        for (byte, pair) in bits.iter_mut().zip(digits.as_chunks::<2>().0) {
            let (high, low) = (value(pair[0]), value(pair[1]));
            *byte = high << 4 | low;
            any |= high | low;
        }
        if any == NO_DIGIT {
            return None;
        }
        Some(Self {
            version: version.parse().ok()?,
            bits,
        })
    }

    fn from_hash(hash: blake3::Hash) -> Self {
        let mut bits = [0; 16];
        bits.copy_from_slice(&hash.as_bytes()[..16]);
        Self {
            version: Self::CANON,
            bits,
        }
    }

    fn number(self) -> u128 {
        u128::from_be_bytes(self.bits)
    }
}

/// The value of what is no digit: no digit has any of its upper bits.
const NO_DIGIT: u8 = 0xff;

/// The value of each hexadecimal digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let digits = b"0123456789abcdef";
    let mut at = 0;
    while at < 16 {
        values[digits[at as usize] as usize] = at;
        at += 1;
    }
    values
};

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.version, self.number())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn text_form_round_trips_and_versions_differ() {
        let digest = Digest::of(b"abc");
        let text = digest.to_text();
        assert_eq!(Digest::parse(&text), Some(digest));
        for odd in [
            "",
            "1:",
            &text[..33],
            &format!("{text}0"),
            &text.replace(':', ";"),
        ] {
            assert_eq!(Digest::parse(odd), None, "{odd}");
        }
        assert_eq!(Digest::parse(&text.replace(['a', '0'], "g")), None);
        let later = Digest {
            version: Digest::CANON + 1,
            ..digest
        };
        assert_ne!(digest, later);
    }
}
