//! Elements of lists: related pages, people, files.

use notion_sync_client::unsigned;
use notion_sync_core::record::Key;
use notion_sync_core::value::{FileRef, Person, Reference};
use serde::Deserialize;

use super::raw::Word;

/// A page that a relation refers to.
#[derive(Deserialize)]
pub(super) struct RelatedPage<'a> {
    #[serde(borrow)]
    id: Word<'a>,
}

impl From<RelatedPage<'_>> for Reference {
    fn from(page: RelatedPage<'_>) -> Self {
        Self::new(Key::durable(&*page.id.0))
    }
}

/// Somebody: a member, a guest, a bot, a group. All but the id may be withheld.
#[derive(Deserialize)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow, default)]
    name: Option<Word<'a>>,
    #[serde(borrow, default)]
    person: Option<Reachable<'a>>,
}

#[derive(Deserialize)]
struct Reachable<'a> {
    #[serde(borrow, default)]
    email: Option<Word<'a>>,
}

impl From<User<'_>> for Person {
    fn from(user: User<'_>) -> Self {
        let email = user.person.and_then(|person| person.email);
        let mut person = Self::with_id(&*user.id.0);
        if let Some(email) = email {
            person = person.reached_at(&*email.0);
        }
        match user.name {
            Some(name) => person.called(&*name.0),
            None => person,
        }
    }
}

/// A file at an address that somebody wrote, or one that Notion hosts.
#[derive(Deserialize)]
pub(super) struct Attachment<'a> {
    #[serde(borrow, default)]
    name: Option<Word<'a>>,
    #[serde(rename = "type", borrow)]
    kind: Word<'a>,
    #[serde(borrow, default)]
    external: Option<Address<'a>>,
    #[serde(borrow, default)]
    file: Option<Address<'a>>,
}

#[derive(Deserialize)]
struct Address<'a> {
    #[serde(borrow)]
    url: Word<'a>,
}

impl Attachment<'_> {
    /// The file, without what signs its address; `None` for kinds that are not known.
    pub(super) fn file(self) -> Option<FileRef> {
        let name = self
            .name
            .map(|name| name.0.into_owned())
            .unwrap_or_default();
        match (&*self.kind.0, self.external, self.file) {
            ("external", Some(at), _) => Some(FileRef::external(name, unsigned(&at.url.0))),
            ("file", _, Some(at)) => Some(FileRef::hosted(name, &at.url.0)),
            _ => None,
        }
    }
}
