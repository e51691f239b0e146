//! Authorisation: the tokens that requests carry, the program that is given them, and the codes that a
//! person's consent gives it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::World;
use crate::ids::IdSource;

/// How long a code waits to be turned into a token.
const CODE_WAITS: SignedDuration = SignedDuration::from_mins(10);

/// Everything about tokens.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Known tokens, and whether they are still good.
    pub(crate) tokens: BTreeMap<String, bool>,
    pub(crate) client: OAuthClient,
    /// Codes that were given out and not yet used.
    pub(crate) codes: BTreeMap<String, Code>,
    /// Tokens that were given out, with what renews them.
    pub(crate) issued: BTreeMap<String, Issued>,
}

/// What a program shows to be given tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthClient {
    /// The user name of its basic authorisation.
    pub id: String,
    /// The password of its basic authorisation.
    pub secret: String,
}

/// A person's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) at: Timestamp,
    /// Where the person was sent back to, where that was said.
    pub(crate) redirect_uri: Option<String>,
}

/// A token that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) at: Timestamp,
    pub(crate) refresh_token: String,
}

impl Access {
    pub(crate) fn new(seed: u64) -> Self {
        // Of its own, so that no object gets another id for it.
        let mut ids = IdSource::new(seed ^ 0x0A_07_48);
        Self {
            tokens: BTreeMap::new(),
            client: OAuthClient {
                id: ids.next_uuid().to_string(),
                secret: format!("secret_{}", ids.next_uuid().simple()),
            },
            codes: BTreeMap::new(),
            issued: BTreeMap::new(),
        }
    }
}

impl World {
    /// A person allows the program to act; gives the code that it is sent back with.
    pub(crate) fn authorize(&mut self, redirect_uri: Option<&str>) -> String {
        let code = self.ids.next_uuid().to_string();
        let given = Code {
            at: self.now,
            redirect_uri: redirect_uri.map(str::to_owned),
        };
        self.access.codes.insert(code.clone(), given);
        self.revision += 1;
        code
    }

    /// Takes a code that is still good; it is used up.
    pub(crate) fn use_code(&mut self, code: &str) -> Option<Code> {
        let found = self.access.codes.remove(code)?;
        self.revision += 1;
        let end = found.at.checked_add(CODE_WAITS).unwrap_or(found.at);
        (self.now < end).then_some(found)
    }

    /// Gives out a token and what renews it.
    pub(crate) fn issue(&mut self) -> (String, String) {
        let mut token = |kind: &str| format!("{kind}_{}", self.ids.next_uuid().simple());
        let (token, refresh_token) = (token("ntn"), token("nrt"));
        let issued = Issued {
            at: self.now,
            refresh_token: refresh_token.clone(),
        };
        self.access.tokens.insert(token.clone(), true);
        self.access.issued.insert(token.clone(), issued);
        self.revision += 1;
        (token, refresh_token)
    }

    /// The good token that this renews.
    pub(crate) fn renewed_by(&self, refresh_token: &str) -> Option<String> {
        let mut issued = self.access.issued.iter();
        let found = issued.find(|(_, issued)| issued.refresh_token == refresh_token);
        let token = found.map(|(token, _)| token.clone());
        token.filter(|token| self.is_good(token))
    }

    pub(crate) fn is_good(&self, token: &str) -> bool {
        self.access.tokens.get(token) == Some(&true)
    }

    /// Makes a token good or bad.
    pub(crate) fn set_token(&mut self, token: &str, valid: bool) {
        self.access.tokens.insert(token.to_owned(), valid);
    }

    /// The workspace of the connection.
    pub(crate) fn workspace(&self) -> Uuid {
        let bot = self.users.get(&self.bot);
        let id = bot.and_then(|bot| bot["bot"]["workspace_id"].as_str());
        id.and_then(crate::ids::parse_id).unwrap_or(Uuid::nil())
    }
}
