//! Files and emojis: what lies outside the workspace, and what only people bring into it.

use bytes::Bytes;
use serde_json::json;

use super::{NotionSim, SimError, id_of};
use crate::model::World;
use crate::model::emoji::CustomEmoji;
use crate::model::upload::Outside;

impl NotionSim {
    /// Says what lies at an address outside: uploads of mode `external_url` are imported from there. The
    /// simulator never asks an address itself; an import from one that nobody spoke of fails.
    pub fn host(&self, url: &str, content_type: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.with(|simulation| host(&mut simulation.world, url, content_type, bytes));
    }

    /// Sets the largest file that the workspace takes, in bytes: 5 GiB by default, 5 MiB is what a
    /// workspace gets that pays nothing.
    pub fn set_upload_limit(&self, bytes: u64) {
        self.with(|simulation| set_upload_limit(&mut simulation.world, bytes));
    }

    /// The bytes of a file upload, as far as they were sent.
    ///
    /// # Errors
    /// When there is no such upload.
    pub fn upload_bytes(&self, id: &str) -> Result<Bytes, SimError> {
        let id = id_of(id)?;
        self.with(|simulation| Ok(simulation.world.upload(id)?.bytes()))
    }

    /// Makes a custom emoji in place of a person; gives its id.
    pub fn create_emoji(&self, name: &str, url: &str) -> String {
        self.with(|simulation| create_emoji(&mut simulation.world, name, url))
    }
}

pub(crate) fn host(world: &mut World, url: &str, content_type: &str, bytes: Bytes) {
    let outside = Outside {
        content_type: content_type.to_owned(),
        bytes,
    };
    world.outside.insert(url.to_owned(), outside);
    world.revision += 1;
}

pub(crate) fn set_upload_limit(world: &mut World, bytes: u64) {
    if let Some(bot) = world.users.get_mut(&world.bot) {
        bot["bot"]["workspace_limits"] = json!({"max_file_upload_size_in_bytes": bytes});
    }
    world.revision += 1;
}

pub(crate) fn create_emoji(world: &mut World, name: &str, url: &str) -> String {
    let id = world.ids.next_uuid();
    world.add_emoji(CustomEmoji {
        id,
        name: name.to_owned(),
        url: url.to_owned(),
    });
    id.to_string()
}
