//! The workspace: everything the simulator remembers, and finding things in it. Changes are in
//! `edit` and `moving`, rendering in `render`.

pub(crate) mod block;
pub(crate) mod block_kind;
pub(crate) mod body;
pub(crate) mod cell;
pub(crate) mod comment;
pub(crate) mod container;
pub(crate) mod due;
pub(crate) mod edit;
pub(crate) mod emoji;
pub(crate) mod fitting;
pub(crate) mod hosted;
pub(crate) mod kind;
pub(crate) mod moving;
pub(crate) mod oauth;
pub(crate) mod order;
pub(crate) mod property;
pub(crate) mod render;
pub(crate) mod rewrite;
pub(crate) mod row;
pub(crate) mod schema;
pub(crate) mod task;
pub(crate) mod template;
pub(crate) mod upload;
pub(crate) mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use self::block::Blocks;
use self::comment::Comment;
use self::container::{DataSource, Database};
use self::due::Due;
use self::emoji::CustomEmoji;
use self::hosted::Signer;
use self::oauth::Access;
use self::property::Property;
use self::row::{Page, Parent, Row};
use self::task::Task;
use self::template::Template;
use self::upload::{Outside, Upload};
use self::view::{View, ViewQuery};
use crate::error::{ApiError, ApiResult};
use crate::hook::Hooks;
use crate::ids::IdSource;
use crate::knobs::Knobs;
use crate::query::cursor::CursorTable;
use crate::value::limit;

/// Where the API is for who does not listen on an address of their own.
pub(crate) const NOTION: &str = "https://api.notion.com";

/// The whole state behind the API.
#[derive(Debug)]
pub(crate) struct World {
    /// The time of the request being handled.
    pub(crate) now: Timestamp,
    pub(crate) ids: IdSource,
    pub(crate) knobs: Knobs,
    pub(crate) index_lag: SignedDuration,
    /// How far back stale reads reach: so long versions of pages are kept.
    pub(crate) memory: SignedDuration,
    /// How old what the request being handled reads of pages is.
    pub(crate) staleness: SignedDuration,
    pub(crate) result_cap: usize,
    pub(crate) bot: Uuid,
    /// The user that edits made in place of a person are signed with.
    pub(crate) person: Uuid,
    pub(crate) users: BTreeMap<Uuid, Value>,
    pub(crate) databases: BTreeMap<Uuid, Database>,
    pub(crate) data_sources: BTreeMap<Uuid, DataSource>,
    pub(crate) pages: HashMap<Uuid, Page>,
    pub(crate) blocks: Blocks,
    /// In the order in which they were written.
    pub(crate) comments: Vec<Comment>,
    /// In the order in which they were announced.
    pub(crate) uploads: Vec<Upload>,
    /// What uploads may be imported from, by address.
    pub(crate) outside: BTreeMap<String, Outside>,
    pub(crate) emojis: Vec<CustomEmoji>,
    /// Those of one database in the order of its tabs.
    pub(crate) views: Vec<View>,
    pub(crate) view_queries: Vec<ViewQuery>,
    pub(crate) templates: Vec<Template>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) access: Access,
    /// What happens on its own, in the order of time.
    pub(crate) waiting: VecDeque<(Timestamp, Due)>,
    /// Where the API is, as answers say it.
    pub(crate) base_url: String,
    /// Whether hosted files are at an address of the simulator's own.
    pub(crate) serves_itself: bool,
    pub(crate) signer: Signer,
    pub(crate) hooks: Hooks,
    pub(crate) next_seq: u64,
    /// Objects taken away from the connection, with everything in them.
    pub(crate) unshared: BTreeSet<Uuid>,
    pub(crate) cursors: CursorTable,
    /// Rises with every change; tells a saver whether there is something to save.
    pub(crate) revision: u64,
}

impl World {
    /// An empty workspace with one bot and one person.
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        let mut ids = IdSource::new(seed);
        let (bot, person, workspace) = (ids.next_uuid(), ids.next_uuid(), ids.next_uuid());
        let users = BTreeMap::from([
            (
                bot,
                json!({
                    "object": "user", "id": bot.to_string(), "name": "notion-sim", "avatar_url": null,
                    "type": "bot",
                    "bot": {
                        "owner": {"type": "workspace", "workspace": true},
                        "workspace_name": "Simulated workspace",
                        "workspace_id": workspace.to_string(),
                        "workspace_limits": {"max_file_upload_size_in_bytes": limit::PAID_FILE_BYTES},
                    },
                }),
            ),
            (
                person,
                json!({
                    "object": "user", "id": person.to_string(), "name": "Robin Person",
                    "avatar_url": null, "type": "person", "person": {"email": "robin@example.com"},
                }),
            ),
        ]);
        Self {
            now,
            ids,
            knobs: Knobs::default(),
            index_lag: SignedDuration::ZERO,
            memory: SignedDuration::ZERO,
            staleness: SignedDuration::ZERO,
            result_cap: 10_000,
            bot,
            person,
            users,
            databases: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            pages: HashMap::new(),
            blocks: Blocks::default(),
            comments: Vec::new(),
            uploads: Vec::new(),
            outside: BTreeMap::new(),
            emojis: Vec::new(),
            views: Vec::new(),
            view_queries: Vec::new(),
            templates: Vec::new(),
            tasks: Vec::new(),
            access: Access::new(seed),
            waiting: VecDeque::new(),
            base_url: NOTION.into(),
            serves_itself: false,
            signer: Signer::new(seed),
            hooks: Hooks::new(seed),
            next_seq: 1,
            unshared: BTreeSet::new(),
            cursors: CursorTable::default(),
            revision: 0,
        }
    }

    /// How long old versions of pages can still be seen.
    pub(crate) fn kept_for(&self) -> SignedDuration {
        self.index_lag.max(self.memory)
    }

    /// 404 in Notion's words.
    pub(crate) fn not_found(&self, kind: &str, id: &str) -> ApiError {
        let name = self
            .users
            .get(&self.bot)
            .and_then(|bot| bot["name"].as_str());
        ApiError::not_found(kind, id, name.unwrap_or_default(), self.bot)
    }

    /// A page the connection can see, trashed or not.
    pub(crate) fn page(&self, id: Uuid) -> ApiResult<&Arc<Row>> {
        let page = self.pages.get(&id);
        match page.and_then(|page| page.late(self.now, self.staleness)) {
            Some(row) if self.sees_row(row) => Ok(row),
            _ => Err(self.not_found("page", &id.to_string())),
        }
    }

    /// A data source the connection can see.
    pub(crate) fn data_source(&self, id: Uuid) -> ApiResult<&DataSource> {
        match self.data_sources.get(&id) {
            Some(found) if self.sees_data_source(found) => Ok(found),
            _ => Err(self.not_found("data_source", &id.to_string())),
        }
    }

    /// A database the connection can see.
    pub(crate) fn database(&self, id: Uuid) -> ApiResult<&Database> {
        match self.databases.get(&id) {
            Some(found) if self.sees_parent(id, &found.parent) => Ok(found),
            _ => Err(self.not_found("database", &id.to_string())),
        }
    }

    pub(crate) fn sees_row(&self, row: &Row) -> bool {
        self.sees_parent(row.id, &row.parent)
    }

    pub(crate) fn sees_data_source(&self, found: &DataSource) -> bool {
        self.unshared.is_empty()
            || (!self.unshared.contains(&found.id)
                && match self.databases.get(&found.database) {
                    Some(database) => self.sees_parent(database.id, &database.parent),
                    None => true,
                })
    }

    /// Whether neither the object nor anything above it was taken away.
    fn sees_parent(&self, id: Uuid, parent: &Parent) -> bool {
        if self.unshared.is_empty() {
            return true;
        }
        let mut id = id;
        let mut parent = parent.clone();
        // A page cannot be its own ancestor, so the number of objects bounds the walk.
        for _ in 0..=self.pages.len() + self.databases.len() {
            if self.unshared.contains(&id) {
                return false;
            }
            match parent {
                Parent::DataSource(above) => {
                    if self.unshared.contains(&above) {
                        return false;
                    }
                    let Some(source) = self.data_sources.get(&above) else {
                        return true;
                    };
                    let Some(database) = self.databases.get(&source.database) else {
                        return true;
                    };
                    id = database.id;
                    parent = database.parent.clone();
                }
                Parent::Page(above) => {
                    let Some(page) = self.pages.get(&above) else {
                        return !self.unshared.contains(&above);
                    };
                    id = above;
                    parent = page.row().parent.clone();
                }
                Parent::Workspace | Parent::Other(_) => return true,
            }
        }
        true
    }

    /// The schema that a page's properties follow.
    pub(crate) fn schema_of(&self, row: &Row) -> &[Property] {
        match &row.parent {
            Parent::DataSource(id) => self
                .data_sources
                .get(id)
                .map_or(property::title_only(), |source| &source.schema),
            _ => property::title_only(),
        }
    }

    /// The container of the data source that a page is in.
    pub(crate) fn database_of(&self, parent: &Parent) -> Option<Uuid> {
        match parent {
            Parent::DataSource(id) => self.data_sources.get(id).map(|source| source.database),
            _ => None,
        }
    }

    /// Takes or gives back an object and everything in it.
    pub(crate) fn share(&mut self, id: Uuid, shared: bool) {
        let changed = if shared {
            self.unshared.remove(&id)
        } else {
            self.unshared.insert(id)
        };
        if changed {
            self.revision += 1;
            for source in self.data_sources.values_mut() {
                source.touch(self.now);
            }
        }
    }

    /// Puts a database where reads and its parent find it.
    pub(crate) fn insert_database(&mut self, database: Database) {
        let (id, parent) = (database.id, database.parent.clone());
        self.blocks.place(&parent, id);
        self.databases.insert(id, database);
        self.happened("database.created", id, self.bot, json!({}));
        self.content_changed(&parent, id, self.bot);
    }

    /// Puts a page where queries and reads find it.
    pub(crate) fn insert_row(&mut self, mut row: Row) {
        let seq = self.next_seq;
        self.next_seq += 1;
        row.refresh_head(self.database_of(&row.parent));
        if let Parent::DataSource(id) = &row.parent
            && let Some(source) = self.data_sources.get_mut(id)
        {
            source
                .order
                .insert((row.created.as_millisecond(), seq), row.id);
            source.touch(self.now);
        }
        self.blocks.place(&row.parent, row.id);
        self.pages.insert(row.id, Page::new(seq, row));
        self.revision += 1;
    }
}
