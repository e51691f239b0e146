//! Templates of data sources: pages that stand outside its rows, and putting them into other pages a
//! moment later.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::World;
use super::cell::Key;
use super::due::Due;
use super::edit::PageChange;
use super::kind::Kind;
use super::property;
use super::row::Parent;
use crate::error::{ApiError, ApiResult};
use crate::value::block::Draft;

/// How long a template takes to be in a page.
const TAKES: SignedDuration = SignedDuration::from_secs(2);

/// A page that is a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) page: Uuid,
    pub(crate) data_source: Uuid,
    pub(crate) is_default: bool,
}

/// A template on its way into a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) template: Uuid,
    pub(crate) page: Uuid,
    /// Whether what is in the page goes when the template comes.
    pub(crate) erases: bool,
    /// Properties that the request spoke of: the template has no say in them.
    pub(crate) named: Vec<String>,
    /// Where today is what it is.
    pub(crate) zone: String,
}

impl World {
    /// Whether a page is a template that rows are listed without.
    pub(crate) fn is_aside(&self, page: Uuid) -> bool {
        !self.templates.is_empty()
            && !self.knobs.templates_in_queries
            && self.templates.iter().any(|template| template.page == page)
    }

    /// Makes a page a template of the data source it is in.
    pub(crate) fn add_template(&mut self, page: Uuid, data_source: Uuid, is_default: bool) {
        if is_default {
            let others = self.templates.iter_mut();
            for other in others.filter(|other| other.data_source == data_source) {
                other.is_default = false;
            }
        }
        self.templates.push(Template {
            page,
            data_source,
            is_default,
        });
        self.touched(&Parent::DataSource(data_source));
    }

    /// Has a template put into a page in a moment.
    pub(crate) fn apply_later(&mut self, application: Application) {
        let at = self.now.checked_add(TAKES).unwrap_or(self.now);
        self.later(at, Due::Template(application));
    }

    /// Puts a template into a page. Nobody hears of it where that fails.
    pub(crate) fn apply(&mut self, application: &Application) {
        let page = application.page;
        let (author, unshared) = (self.bot, std::mem::take(&mut self.unshared));
        if self.fill(application, author).is_ok() {
            self.body_edited(page, author);
        }
        self.unshared = unshared;
    }

    fn fill(&mut self, application: &Application, author: Uuid) -> ApiResult<()> {
        let Application { template, page, .. } = *application;
        let zone = TimeZone::get(&application.zone).unwrap_or(TimeZone::UTC);
        let (from, to) = (self.page(template)?.clone(), self.page(page)?.clone());
        if from.in_trash || to.in_trash {
            return Err(ApiError::in_trash());
        }
        let schema = self.schema_of(&to);
        let named = application.named.iter();
        let named: Vec<usize> = named
            .filter_map(|key| property::find(schema, key))
            .collect();
        let mut properties = Map::new();
        for (at, column) in schema.iter().enumerate() {
            let is_empty = |key: &Key| matches!(key, Key::Empty | Key::Bool(false));
            let has = to.cell(&column.id).is_some_and(|cell| !is_empty(&cell.key));
            let fits = column.kind.is_writable() && column.kind != Kind::Verification;
            let source = self.schema_of(&from);
            let source = property::find(source, &column.id).map(|at| &source[at]);
            if let Some(cell) = source
                .filter(|source| fits && source.kind == column.kind)
                .and_then(|source| from.cell(&source.id))
                && !has
                && !named.contains(&at)
                && !is_empty(&cell.key)
            {
                let mut inner = cell.inner(&column.kind);
                self.fill_in(&mut inner, &zone);
                properties.insert(column.id.clone(), json!({column.kind.as_str(): inner}));
            }
        }
        let picture = |own: &Value, other: &Value| {
            let wanted = own.is_null() && !other.is_null();
            wanted.then(|| other.clone())
        };
        let change = PageChange {
            properties: Some(properties),
            icon: picture(&to.icon, &from.icon),
            cover: picture(&to.cover, &from.cover),
            ..PageChange::default()
        };
        let drafts = self.drafts_of(template, &zone);
        self.update_page(page, change, author)?;
        if application.erases {
            self.erase_content(page, author)?;
        }
        let end = self.held(page).len();
        self.grow(page, end, drafts, author);
        Ok(())
    }

    /// The blocks of a page or block as they are to be made anew, placeholders filled in. Sub-pages and
    /// databases are left out.
    fn drafts_of(&self, of: Uuid, zone: &TimeZone) -> Vec<Draft> {
        let blocks = self.shown_children(of).filter_map(|id| self.block(id).ok());
        let draft = |block: &super::block::Block| {
            let mut inner = Value::Object(block.inner.clone());
            self.fill_in(&mut inner, zone);
            // A copy of a synced block holds nothing itself, and may stand in its own original.
            let is_copy = inner["synced_from"].is_object();
            Draft {
                kind: block.kind,
                inner: inner.as_object().cloned().unwrap_or_default(),
                children: match is_copy {
                    true => Vec::new(),
                    false => self.drafts_of(block.id, zone),
                },
            }
        };
        blocks.map(draft).collect()
    }

    /// Turns the mentions that stand for a day or a person into that day and that person.
    fn fill_in(&self, value: &mut Value, zone: &TimeZone) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_in(item, zone)),
            Value::Object(run) if run.get("type").is_some_and(|kind| kind == "mention") => {
                let Some(mention) = run
                    .get("mention")
                    .map(|mention| &mention["template_mention"])
                else {
                    return;
                };
                let now = self.now.to_zoned(zone.clone());
                let day = match mention["template_mention_date"].as_str() {
                    Some("today") => Some(now.strftime("%Y-%m-%d").to_string()),
                    Some("now") => Some(now.strftime("%Y-%m-%dT%H:%M:00.000%:z").to_string()),
                    _ => None,
                };
                let (mention, plain) = if let Some(day) = day {
                    let date = json!({"start": day, "end": null, "time_zone": null});
                    (json!({"type": "date", "date": date}), day)
                } else if mention["template_mention_user"] == "me" {
                    let name = self.name_of(self.bot);
                    let name = format!("@{}", name.as_str().unwrap_or_default());
                    let user = super::row::user_reference(self.bot);
                    (json!({"type": "user", "user": user}), name)
                } else {
                    return;
                };
                run.insert("mention".into(), mention);
                run.insert("plain_text".into(), json!(plain));
            }
            Value::Object(members) => {
                let members = members.values_mut();
                members.for_each(|member| self.fill_in(member, zone));
            }
            _ => {}
        }
    }
}
