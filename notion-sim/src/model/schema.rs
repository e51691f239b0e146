//! Changes to the schema of a data source, and what they do to the values of its pages.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::World;
use super::cell::{Cell, Key, empty_inner};
use super::kind::Kind;
use super::property::{self, Property};
use crate::compute::{formula, rollup};
use crate::error::{ApiError, ApiResult};
use crate::ids::{IdSource, parse_id};
use crate::value::{limit, option};

/// A mirror property to make in another data source.
struct Mirror {
    property: String,
    target: Uuid,
    name: Option<String>,
}

#[derive(Default)]
struct Draft {
    schema: Vec<Property>,
    mirrors: Vec<Mirror>,
    /// Ids of properties whose values go.
    removed: Vec<String>,
    /// Properties as they were before their type changed.
    retyped: Vec<Property>,
    /// Ids of properties that may have lost options.
    reoptioned: Vec<String>,
    /// Ids of rollups whose ends are to be found when the schema is whole.
    rollups: Vec<String>,
    /// Ids of formulas whose properties are to be found then.
    formulas: Vec<String>,
}

impl World {
    /// Sets the first schema of a data source. There must be exactly one title.
    pub(crate) fn init_schema(
        &mut self,
        id: Uuid,
        path: &str,
        given: &Map<String, Value>,
    ) -> ApiResult<()> {
        let mut ids = self.ids.clone();
        let mut draft = first_draft(self, &mut ids, path, given)?;
        settle_formulas(self, &mut draft, id)?;
        self.ids = ids;
        self.commit_schema(id, draft);
        Ok(())
    }

    /// Checks a schema without keeping it, so that a container is not made for a bad one.
    pub(crate) fn check_schema(&self, path: &str, given: &Map<String, Value>) -> ApiResult<()> {
        let mut draft = first_draft(self, &mut self.ids.clone(), path, given)?;
        settle_formulas(self, &mut draft, Uuid::nil())
    }

    /// Applies the `properties` of an update: add, rename, change, or remove with null.
    pub(crate) fn patch_schema(&mut self, id: Uuid, given: &Map<String, Value>) -> ApiResult<()> {
        let mut draft = Draft {
            schema: self.data_source(id)?.schema.clone(),
            ..Draft::default()
        };
        let mut ids = self.ids.clone();
        for (key, config) in given {
            let path = format!("body.properties.{key}");
            match (property::find(&draft.schema, key), config) {
                (None, Value::Null) => {
                    return Err(ApiError::validation(format!(
                        "{key} is not a property that exists."
                    )));
                }
                (None, config) => add(self, &mut draft, &mut ids, &path, key, config)?,
                (Some(at), Value::Null) => {
                    if draft.schema[at].kind == Kind::Title {
                        return Err(ApiError::validation("Cannot delete the title property."));
                    }
                    let gone = draft.schema.remove(at);
                    draft.removed.push(gone.id);
                }
                (Some(at), config) => change(self, &mut draft, &mut ids, &path, at, config)?,
            }
        }
        settle_rollups(self, &mut draft, Some(id))?;
        settle_formulas(self, &mut draft, id)?;
        self.ids = ids;
        self.commit_schema(id, draft);
        Ok(())
    }

    fn commit_schema(&mut self, id: Uuid, draft: Draft) {
        let (now, bot) = (self.now, self.bot);
        let Some(source) = self.data_sources.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut source.schema, draft.schema);
        source.edited = now;
        source.edited_by = bot;
        source.touch(now);
        let pages = self.pages_in(id);
        for property in &draft.retyped {
            self.recreate_values(&pages, id, property);
        }
        for property in &draft.reoptioned {
            self.drop_lost_options(&pages, id, property);
        }
        let is_edit = self.knobs.schema_change_is_edit;
        for page in &pages {
            let Some(page) = self.pages.get_mut(page) else {
                continue;
            };
            if !draft.removed.is_empty() || page.row().as_loaded.is_some() || is_edit {
                let row = page.rewrite();
                for property in &draft.removed {
                    row.remove_cell(property);
                }
                if is_edit {
                    row.edited = now;
                    row.refresh_head(self.data_sources.get(&id).map(|source| source.database));
                }
            }
        }
        for mirror in draft.mirrors {
            self.make_mirror(id, &mirror);
        }
        self.rename_in_mirrors(id);
        self.rename_in_rollups();
        self.number_pages(&pages, id);
        // The first columns of all are part of what was made.
        if !before.is_empty() {
            self.columns_changed(id, &before, bot);
        }
        self.revision += 1;
    }

    /// Tells the other sides of two-way relations what this side is called now.
    fn rename_in_mirrors(&mut self, id: Uuid) {
        let Some(source) = self.data_sources.get(&id) else {
            return;
        };
        let mirrors: Vec<(Uuid, String, Value)> = source
            .schema
            .iter()
            .filter_map(|property| {
                let target = property.config["data_source_id"].as_str()?;
                let mirror = property.config["dual_property"]["synced_property_id"].as_str()?;
                Some((parse_id(target)?, mirror.to_owned(), json!(property.name())))
            })
            .collect();
        for (target, mirror, name) in mirrors {
            if let Some(target) = self.data_sources.get_mut(&target)
                && let Some(at) = property::find(&target.schema, &mirror)
                && let Some(other) = target.schema[at].config["dual_property"].as_object_mut()
            {
                other.insert("synced_property_name".into(), name);
            }
        }
    }

    /// Tells rollups what the properties they name are called now.
    fn rename_in_rollups(&mut self) {
        let mut renamed = Vec::new();
        for source in self.data_sources.values() {
            for (at, property) in source.schema.iter().enumerate() {
                if property.kind != Kind::Rollup {
                    continue;
                }
                if let Some((relation, read)) = rollup::ends(self, &source.schema, property) {
                    let names = (relation.name().to_owned(), read.name().to_owned());
                    renamed.push((source.id, at, names));
                }
            }
        }
        for (source, at, (relation, read)) in renamed {
            if let Some(source) = self.data_sources.get_mut(&source) {
                let config = &mut source.schema[at].config;
                config["relation_property_name"] = json!(relation);
                config["rollup_property_name"] = json!(read);
            }
        }
    }

    /// Gives pages that were there before a `unique_id` property their numbers, oldest first.
    fn number_pages(&mut self, pages: &[Uuid], id: Uuid) {
        let Some(source) = self.data_sources.get_mut(&id) else {
            return;
        };
        let Some(property) = source.schema.iter().find(|p| p.kind == Kind::UniqueId) else {
            return;
        };
        let prefix = property.config["prefix"].clone();
        for (at, page) in pages.iter().enumerate() {
            let Some(page) = self.pages.get_mut(page) else {
                continue;
            };
            let known = page.row().cell(&property.id).map(|cell| &cell.key);
            let number = match known {
                Some(Key::Number(number)) => json!(number),
                _ => json!(at + 1),
            };
            let inner = json!({"prefix": prefix, "number": number});
            let cell = Cell::new(&property.id, &property.kind, &inner);
            if page.row().cell(&property.id) != Some(&cell) {
                page.rewrite().set_cell(&property.id, cell);
            }
        }
        source.next_number = source.next_number.max(pages.len() as u64 + 1);
    }

    fn recreate_values(&mut self, pages: &[Uuid], id: Uuid, old: &Property) {
        let Some(source) = self.data_sources.get(&id) else {
            return;
        };
        let Some(new) = source.schema.iter().find(|p| p.id == old.id).cloned() else {
            return;
        };
        for page in pages {
            let Some(page) = self.pages.get_mut(page) else {
                continue;
            };
            if new.kind.is_computed() {
                page.rewrite().remove_cell(&new.id);
                continue;
            }
            let inner = match page.row().cell(&old.id) {
                Some(cell) => convert(&old.kind, &new, cell),
                None => empty_inner(&new.kind),
            };
            page.rewrite()
                .set_cell(&new.id, Cell::new(&new.id, &new.kind, &inner));
        }
    }

    /// Takes values away whose option is no longer in the schema.
    fn drop_lost_options(&mut self, pages: &[Uuid], id: Uuid, property: &str) {
        let Some(source) = self.data_sources.get(&id) else {
            return;
        };
        let Some(property) = source.schema.iter().find(|p| p.id == property).cloned() else {
            return;
        };
        let stays = |option: &Value| property.options().iter().any(|o| o["id"] == option["id"]);
        for page in pages {
            let Some(page) = self.pages.get_mut(page) else {
                continue;
            };
            let Some(cell) = page.row().cell(&property.id) else {
                continue;
            };
            let before = cell.inner(&property.kind);
            let after = match &before {
                Value::Array(options) => {
                    Value::Array(options.iter().filter(|o| stays(o)).cloned().collect())
                }
                Value::Object(_) if !stays(&before) => Value::Null,
                _ => continue,
            };
            if after != before {
                let cell = Cell::new(&property.id, &property.kind, &after);
                page.rewrite().set_cell(&property.id, cell);
            }
        }
    }

    fn make_mirror(&mut self, id: Uuid, mirror: &Mirror) {
        let new_id = self.ids.next_property_id();
        let Some(source) = self.data_sources.get(&id) else {
            return;
        };
        let title = super::cell::plain_text(&source.title);
        let Some(at) = property::find(&source.schema, &mirror.property) else {
            return;
        };
        let (own_name, database) = (source.schema[at].name().to_owned(), source.database);
        let base = mirror
            .name
            .clone()
            .unwrap_or_else(|| format!("Related to {title} ({own_name})"));
        let now = self.now;
        let Some(target) = self.data_sources.get_mut(&mirror.target) else {
            return;
        };
        let mut name = base.clone();
        let mut count = 1;
        while target.schema.iter().any(|p| p.name() == name) {
            name = format!("{base} {count}");
            count += 1;
        }
        let config = json!({
            "database_id": database.to_string(),
            "data_source_id": id.to_string(),
            "type": "dual_property",
            "dual_property": {"synced_property_id": mirror.property, "synced_property_name": own_name},
        });
        target
            .schema
            .push(Property::new(&new_id, &name, Kind::Relation, config));
        target.touch(now);
        if let Some(source) = self.data_sources.get_mut(&id)
            && let Some(at) = property::find(&source.schema, &mirror.property)
        {
            source.schema[at].config["dual_property"] =
                json!({"synced_property_id": new_id, "synced_property_name": name});
        }
    }
}

fn first_draft(
    world: &World,
    ids: &mut IdSource,
    path: &str,
    given: &Map<String, Value>,
) -> ApiResult<Draft> {
    let mut draft = Draft::default();
    for (name, config) in given {
        let path = format!("{path}.{name}");
        add(world, &mut draft, ids, &path, name, config)?;
    }
    let titles = draft.schema.iter().filter(|p| p.kind == Kind::Title);
    match titles.count() {
        1 => {
            settle_rollups(world, &mut draft, None)?;
            Ok(draft)
        }
        0 => Err(ApiError::validation("Title is not provided")),
        _ => Err(ApiError::validation("Only one title property is allowed.")),
    }
}

/// Finds the ends of the rollups that a request gives; `own` is the data source, when there is one.
fn settle_rollups(world: &World, draft: &mut Draft, own: Option<Uuid>) -> ApiResult<()> {
    for id in std::mem::take(&mut draft.rollups) {
        let Some(at) = draft.schema.iter().position(|property| property.id == id) else {
            continue;
        };
        let target = |relation: &Property| {
            let target = relation.relation_target()?;
            if Some(target) == own {
                return Some(draft.schema.as_slice());
            }
            let found = world.data_source(target).ok()?;
            Some(found.schema.as_slice())
        };
        let config = rollup::settle(&draft.schema, &draft.schema[at].config, target)?;
        draft.schema[at].config = config;
    }
    Ok(())
}

/// Writes the formulas that a request gives the way they are read back, with their properties by id.
fn settle_formulas(world: &World, draft: &mut Draft, own: Uuid) -> ApiResult<()> {
    for id in std::mem::take(&mut draft.formulas) {
        let Some(at) = draft.schema.iter().position(|property| property.id == id) else {
            continue;
        };
        let text = draft.schema[at].config["expression"].as_str();
        let text = formula::settle(world, &draft.schema, own, text.unwrap_or_default())?;
        draft.schema[at].config["expression"] = json!(text);
    }
    Ok(())
}

fn add(
    world: &World,
    draft: &mut Draft,
    ids: &mut IdSource,
    path: &str,
    name: &str,
    given: &Value,
) -> ApiResult<()> {
    if draft.schema.len() >= limit::PROPERTIES {
        return Err(ApiError::validation(format!(
            "A data source cannot have more than {} properties.",
            limit::PROPERTIES
        )));
    }
    let name = given["name"].as_str().unwrap_or(name);
    if draft.schema.iter().any(|property| property.name() == name) {
        return Err(ApiError::validation(format!(
            "Property name \"{name}\" is already in use."
        )));
    }
    let kind = kind_of(path, given)?;
    let id = if kind == Kind::Title {
        "title".to_owned()
    } else {
        loop {
            let id = ids.next_property_id();
            if !draft.schema.iter().any(|property| property.id == id) {
                break id;
            }
        }
    };
    let inner = given
        .get(kind.as_str())
        .cloned()
        .unwrap_or_else(|| json!({}));
    let path = format!("{path}.{}", kind.as_str());
    let config = configure(world, draft, ids, &path, &id, &kind, &[], &inner)?;
    let mut property = Property::new(&id, name, kind, config);
    describe(&path, &mut property, given)?;
    draft.schema.push(property);
    Ok(())
}

fn change(
    world: &World,
    draft: &mut Draft,
    ids: &mut IdSource,
    path: &str,
    at: usize,
    given: &Value,
) -> ApiResult<()> {
    if !given.is_object() {
        return Err(ApiError::body(path, "an object or `null`", Some(given)));
    }
    if let Some(name) = given["name"].as_str() {
        let taken = |(other, property): (usize, &Property)| other != at && property.name() == name;
        if draft.schema.iter().enumerate().any(taken) {
            return Err(ApiError::validation(format!(
                "Property name \"{name}\" is already in use."
            )));
        }
        draft.schema[at].rename(name);
    }
    let mut property = draft.schema[at].clone();
    describe(path, &mut property, given)?;
    if let Ok(kind) = kind_of(path, given) {
        let inner = given
            .get(kind.as_str())
            .cloned()
            .unwrap_or_else(|| json!({}));
        let path = format!("{path}.{}", kind.as_str());
        let retyped = kind != property.kind;
        if retyped && (property.kind == Kind::Title || kind == Kind::Title) {
            return Err(ApiError::validation(
                "Cannot change the type of the title property.",
            ));
        }
        let keeps_options = kind.has_options() && property.kind.has_options();
        let existing = if keeps_options {
            property.options().to_vec()
        } else {
            Vec::new()
        };
        let lists_options = inner.get("options").is_some();
        if retyped || lists_options || !kind.has_options() {
            let inner = if keeps_options && !lists_options {
                json!({"options": existing})
            } else {
                inner
            };
            let had = property.config.clone();
            property.config = configure(
                world,
                draft,
                ids,
                &path,
                &property.id,
                &kind,
                &existing,
                &inner,
            )?;
            if !retyped && had["groups"].is_array() {
                keep_groups(&had, &mut property.config);
            }
        }
        if retyped {
            draft.retyped.push(draft.schema[at].clone());
            property.kind = kind;
        } else if lists_options {
            draft.reoptioned.push(property.id.clone());
        }
    }
    draft.schema[at] = property;
    Ok(())
}

/// Options stay in the group they were in; new ones are in the group the new list gave them.
fn keep_groups(had: &Value, config: &mut Value) {
    let group_before = |id: &Value| {
        had["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .position(|group| {
                group["option_ids"]
                    .as_array()
                    .is_some_and(|ids| ids.contains(id))
            })
    };
    let options = config["options"].as_array().cloned().unwrap_or_default();
    let mut groups = had["groups"].as_array().cloned().unwrap_or_default();
    for (at, group) in groups.iter_mut().enumerate() {
        let members: Vec<Value> = options
            .iter()
            .map(|option| option["id"].clone())
            .filter(|id| group_before(id).unwrap_or(0) == at)
            .collect();
        group["option_ids"] = Value::Array(members);
    }
    config["groups"] = Value::Array(groups);
}

fn describe(path: &str, property: &mut Property, given: &Value) -> ApiResult<()> {
    if let Some(description) = given.get("description") {
        if let Some(text) = description.as_str() {
            limit::utf16(&format!("{path}.description"), limit::DESCRIPTION, text)?;
        }
        property.description = description.clone();
    }
    Ok(())
}

fn kind_of(path: &str, given: &Value) -> ApiResult<Kind> {
    let Some(object) = given.as_object() else {
        return Err(ApiError::body(path, "an object", Some(given)));
    };
    if let Some(name) = object.get("type").and_then(Value::as_str) {
        return Ok(Kind::parse(name));
    }
    object
        .keys()
        .map(|key| Kind::parse(key))
        .find(|kind| !matches!(kind, Kind::Other(_)))
        .ok_or_else(|| ApiError::body(&format!("{path}.title"), "defined", None))
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call site per kind of change"
)]
fn configure(
    world: &World,
    draft: &mut Draft,
    ids: &mut IdSource,
    path: &str,
    id: &str,
    kind: &Kind,
    existing: &[Value],
    given: &Value,
) -> ApiResult<Value> {
    let options = |ids: &mut IdSource| match given.get("options") {
        Some(list) => option::declare(&format!("{path}.options"), existing, list, ids),
        None => Ok(Vec::new()),
    };
    Ok(match kind {
        Kind::Number => json!({"format": given["format"].as_str().unwrap_or("number")}),
        Kind::Select | Kind::MultiSelect => json!({"options": options(ids)?}),
        Kind::Status if given.get("options").is_none() => option::default_status(ids),
        Kind::Status => {
            let options = options(ids)?;
            option::status_groups(options, ids)
        }
        Kind::UniqueId => json!({"prefix": given["prefix"]}),
        Kind::Formula => {
            let text = given["expression"].as_str().unwrap_or_default();
            formula::check(text)?;
            draft.formulas.push(id.to_owned());
            json!({"expression": text})
        }
        Kind::Rollup => {
            rollup::check(path, given)?;
            draft.rollups.push(id.to_owned());
            given.clone()
        }
        Kind::Relation => {
            let target = given["data_source_id"]
                .as_str()
                .and_then(parse_id)
                .ok_or_else(|| {
                    ApiError::body(
                        &format!("{path}.data_source_id"),
                        "defined",
                        given.get("data_source_id"),
                    )
                })?;
            let database = world.data_source(target)?.database;
            let mut config = json!({
                "database_id": database.to_string(),
                "data_source_id": target.to_string(),
            });
            if given.get("dual_property").is_some() || given["type"] == "dual_property" {
                config["type"] = json!("dual_property");
                config["dual_property"] = json!({});
                let name = given["dual_property"]["synced_property_name"].as_str();
                draft.mirrors.push(Mirror {
                    property: id.to_owned(),
                    target,
                    name: name.map(str::to_owned),
                });
            } else {
                config["type"] = json!("single_property");
                config["single_property"] = json!({});
            }
            config
        }
        _ => json!({}),
    })
}

/// What becomes of a value when its property changes type.
fn convert(old: &Kind, new: &Property, cell: &Cell) -> Value {
    let text = match &cell.key {
        Key::Text(text) => text.to_string(),
        Key::Number(number) => number.to_string(),
        Key::Options(options) => {
            let names: Vec<&str> = options.iter().map(|(_, name)| &**name).collect();
            names.join(", ")
        }
        _ => String::new(),
    };
    match &new.kind {
        Kind::RichText => crate::value::rich_text::from_plain(&text),
        Kind::Number => match serde_json::from_str::<Value>(text.trim()) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::Null,
        },
        Kind::Url | Kind::Email | Kind::PhoneNumber if !text.is_empty() => json!(text),
        Kind::Select | Kind::Status => match (old, cell.inner(old)) {
            (Kind::MultiSelect, Value::Array(options)) => {
                options.first().cloned().unwrap_or(Value::Null)
            }
            (Kind::Select | Kind::Status, value) => value,
            _ => Value::Null,
        },
        Kind::MultiSelect => match (old, cell.inner(old)) {
            (Kind::Select | Kind::Status, value @ Value::Object(_)) => json!([value]),
            _ => json!([]),
        },
        kind => empty_inner(kind),
    }
}
