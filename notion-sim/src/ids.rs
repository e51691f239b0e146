//! Identifiers: reading them as Notion does, and making new ones from a seed. No object lives here.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Reads a UUID with or without dashes, in any case.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    let plain = text.len() == 32 || text.len() == 36;
    if plain {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}

/// Percent-decodes; malformed escapes are kept as they are.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| {
            bytes
                .get(i)
                .and_then(|b| (*b as char).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything except unreserved characters, as Notion does with property ids.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A source of identifiers that gives the same ones for the same seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IdSource {
    state: u64,
}

impl IdSource {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next word of a splitmix64 sequence.
    pub(crate) fn next_word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A version 8 UUID, the kind Notion gives to new objects.
    pub(crate) fn next_uuid(&mut self) -> Uuid {
        let high = self.next_word();
        let low = self.next_word();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// A property id: four printable characters, percent-encoded.
    pub(crate) fn next_property_id(&mut self) -> String {
        const ALPHABET: &[u8] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~:;<=>?@[]{}|`^";
        let mut word = self.next_word();
        let mut raw = String::with_capacity(4);
        for _ in 0..4 {
            let size = ALPHABET.len() as u64;
            raw.push(ALPHABET[(word % size) as usize] as char);
            word /= size;
        }
        percent_encode(&raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_with_and_without_dashes_only() {
        let dashed = "1b2c3d4e-0000-4000-8000-00000000a001";
        assert_eq!(parse_id(dashed), parse_id(&dashed.replace('-', "")));
        assert!(parse_id("{1b2c3d4e-0000-4000-8000-00000000a001}").is_none());
        assert!(parse_id("x").is_none());
    }

    #[test]
    fn percent_coding_is_its_own_inverse() {
        assert_eq!(percent_encode("f\\\\:p"), "f%5C%5C%3Ap");
        assert_eq!(percent_decode("f%5C%5C%3Ap"), "f\\\\:p");
        assert_eq!(percent_decode("50%"), "50%");
    }
}
