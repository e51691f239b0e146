//! Pages: create, retrieve, update, move, and their trash.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Answer, Call, blocks, filter_properties, flag, markdown, object_field, only, parent,
    shown_positions, tasks, templates,
};
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::edit::PageChange;
use crate::model::kind::Kind;
use crate::model::property::Property;
use crate::model::row::Parent;
use crate::model::template::Application;
use crate::value;

/// `GET /v1/pages/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id, call)?))
}

fn body(world: &World, id: Uuid, call: &Call<'_>) -> ApiResult<String> {
    let row = world.page(id)?;
    let shown = shown_positions(world.schema_of(row), &filter_properties(call.query))?;
    let mut out = String::new();
    world.render_page(&mut out, row, call.version, shown.as_deref());
    Ok(out)
}

/// `POST /v1/pages`
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "parent",
            "properties",
            "icon",
            "cover",
            "children",
            "content",
            "markdown",
            "markdown_version",
            "template",
            "position",
            "allow_async",
        ],
    )?;
    let parent = parent(world, call.body)?;
    let source = match &parent {
        Parent::DataSource(source) => Some(*source),
        _ => None,
    };
    let new = New {
        template: templates::application(world, call.body, source, true)?,
        change: change(call.body)?,
        text: markdown::given(call.body)?,
        parent,
    };
    let is_task = tasks::asked_for(call.body, new.text.is_some())?;
    let outcome = make(world, new, call);
    match is_task {
        true => tasks::taken_on(world, "POST /v1/pages", outcome),
        false => outcome,
    }
}

/// What a new page is to be.
struct New<'c> {
    parent: Parent,
    change: PageChange,
    template: Option<Application>,
    /// Its body as Markdown.
    text: Option<&'c str>,
}

fn make(world: &mut World, new: New<'_>, call: &Call<'_>) -> ApiResult<Answer> {
    let New {
        parent,
        mut change,
        template,
        text,
    } = new;
    let titled = has_title(world, &parent, &change);
    let markdown = text.map(|text| markdown::Given::read(world, text, &parent, titled));
    let markdown = markdown.transpose()?;
    if let Some(title) = markdown
        .as_ref()
        .and_then(|markdown| markdown.title.as_ref())
    {
        let properties = change.properties.get_or_insert_default();
        properties.insert("title".into(), json!({"title": title}));
    }
    let mut keys = ["children", "content"].into_iter();
    let given = keys.find_map(|key| Some((format!("body.{key}"), call.body.get(key)?)));
    let mut drafts = Vec::new();
    if let Some((path, given)) = given {
        drafts = value::block::children(&path, given)?;
        world.check_drafts(&path, None, &drafts)?;
    }
    let at = match &parent {
        Parent::Page(above) => {
            let position = blocks::position(call, ["page_start", "page_end"])?;
            Some(blocks::place(world, *above, position)?)
        }
        _ => None,
    };
    let author = world.bot;
    let id = world.create_page(parent.clone(), change, author)?;
    if let Some(at) = at {
        world.blocks.place_at(&parent, id, at);
    }
    if !drafts.is_empty() {
        world.grow(id, 0, drafts, author);
    }
    if let Some(markdown) = markdown {
        markdown.write(world, id, call)?;
    }
    if let Some(template) = template {
        world.apply_later(Application {
            page: id,
            ..template
        });
    }
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// Whether properties have a title, by its name or id.
fn has_title(world: &World, parent: &Parent, change: &PageChange) -> bool {
    let schema = match parent {
        Parent::DataSource(id) => world
            .data_sources
            .get(id)
            .map(|source| source.schema.as_slice()),
        _ => None,
    };
    let named =
        schema.and_then(|schema| schema.iter().find(|property| property.kind == Kind::Title));
    let name = named.map_or("title", Property::name);
    let given = change.properties.as_ref();
    given.is_some_and(|given| given.contains_key("title") || given.contains_key(name))
}

/// `PATCH /v1/pages/{id}`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "properties",
            "icon",
            "cover",
            "in_trash",
            "archived",
            "is_archived",
            "is_locked",
            "template",
            "erase_content",
        ],
    )?;
    let mut change = change(call.body)?;
    change.in_trash = call.version.trash_flag(call.body)?;
    let author = world.bot;
    let changes = !call.body.is_empty();
    let erases = flag(call.body, "erase_content")?.unwrap_or(false);
    let source = match &world.page(id)?.parent {
        Parent::DataSource(source) => Some(*source),
        _ => None,
    };
    let template = templates::application(world, call.body, source, false)?;
    if changes {
        world.update_page(id, change, author)?;
    }
    match template {
        // What is in the page goes when the template comes.
        Some(template) => world.apply_later(Application {
            page: id,
            ..template
        }),
        None if erases => world.erase_content(id, author)?,
        None => {}
    }
    let text = body(world, id, call)?;
    Ok(if changes {
        Answer::saved(text, id)
    } else {
        Answer::read(text)
    })
}

/// `POST /v1/pages/{id}/move`
pub(crate) fn move_to(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["parent"])?;
    let to = parent(world, call.body)?;
    if to == Parent::Workspace {
        let expected = "a page or a data source";
        let given = call.body.get("parent");
        return Err(ApiError::body("body.parent", expected, given));
    }
    let author = world.bot;
    world.move_page(id, to, author)?;
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// Reads what a create and an update have in common.
pub(crate) fn change(body: &Map<String, Value>) -> ApiResult<PageChange> {
    Ok(PageChange {
        properties: object_field(body, "properties")?,
        icon: body.get("icon").cloned(),
        cover: body.get("cover").cloned(),
        in_trash: flag(body, "in_trash")?,
        is_archived: flag(body, "is_archived")?,
        is_locked: flag(body, "is_locked")?,
    })
}
