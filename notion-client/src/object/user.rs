//! People, bots and groups.

use serde_json::value::RawValue;

use crate::id::UserId;
use crate::json::{DecodeError, Fields, Json};

/// A user as far as the connection may see them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The id; local to the workspace.
    pub id: UserId,
    /// The name, when it is visible.
    pub name: Option<String>,
    /// The address of their picture.
    pub avatar_url: Option<String>,
    /// What they are.
    pub kind: UserKind,
}

/// What a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserKind {
    /// Not stated, as in `created_by`.
    Partial,
    /// A person.
    Person {
        /// The address, when the connection may see it.
        email: Option<String>,
    },
    /// A bot: a connection.
    Bot(Box<Bot>),
    /// Something else.
    Unknown {
        /// The kind.
        kind: String,
        /// All of it.
        raw: Json,
    },
}

/// A bot, which is what `users/me` answers for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bot {
    /// The workspace it works in.
    pub workspace_id: Option<String>,
    /// The workspace's name.
    pub workspace_name: Option<String>,
    /// The largest file it may upload, in bytes.
    pub max_file_upload_bytes: Option<u64>,
    /// Who owns it.
    pub owner: Option<Json>,
}

impl User {
    /// Decodes a user object, full or partial.
    ///
    /// # Errors
    /// [`DecodeError`] when there is no id.
    pub fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("user", raw.get())?;
        let kind = match fields.string("type") {
            None => UserKind::Partial,
            Some(kind) if kind == "person" => {
                let person: Option<Fields<'_>> = fields.soft("person");
                UserKind::Person {
                    email: person.and_then(|person| person.string("email")),
                }
            }
            Some(kind) if kind == "bot" => UserKind::Bot(Box::new(bot(&fields))),
            Some(kind) => UserKind::Unknown {
                kind,
                raw: raw.into(),
            },
        };
        Ok(Self {
            id: fields.required("user", "id")?,
            name: fields.string("name"),
            avatar_url: fields.string("avatar_url"),
            kind,
        })
    }
}

fn bot(fields: &Fields<'_>) -> Bot {
    let Some(bot) = fields.soft::<Fields<'_>>("bot") else {
        return Bot::default();
    };
    let limits: Option<Fields<'_>> = bot.soft("workspace_limits");
    Bot {
        workspace_id: bot.string("workspace_id"),
        workspace_name: bot.string("workspace_name"),
        max_file_upload_bytes: limits
            .and_then(|limits| limits.soft("max_file_upload_size_in_bytes")),
        owner: bot.present("owner").map(Json::from),
    }
}

/// One entry of a people property.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Person {
    /// A user.
    User(User),
    /// A group.
    Group {
        /// Its id.
        id: String,
        /// Its name.
        name: Option<String>,
    },
    /// Something else.
    Unknown(Json),
}

impl Person {
    /// Never fails: what is not understood is `Unknown`.
    pub(crate) fn decode(raw: &RawValue) -> Self {
        let known = Fields::parse("person", raw.get()).ok().and_then(|fields| {
            match fields.text("object").as_deref() {
                Some("group") => Some(Self::Group {
                    id: fields.string("id")?,
                    name: fields.string("name"),
                }),
                Some("user") | None => User::decode(raw).ok().map(Self::User),
                Some(_) => None,
            }
        });
        known.unwrap_or_else(|| Self::Unknown(raw.into()))
    }
}
