//! Templates: listing them, and reading which one a page is to be made from.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, id_paging, object_field};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::template::Application;

/// `GET /v1/data_sources/{id}/templates`
pub(crate) fn list(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    world.data_source(id)?;
    let paging = id_paging(call.query)?;
    let wanted = call.query.iter().find(|(key, _)| key == "name");
    let wanted = wanted.map(|(_, name)| name.to_lowercase());
    let seen = |page: Uuid| world.page(page).ok().filter(|row| !row.in_trash);
    let mut shown = Vec::new();
    for template in world.templates.iter().filter(|one| one.data_source == id) {
        let Some(row) = seen(template.page) else {
            continue;
        };
        let name = row.title();
        let fits = wanted
            .as_ref()
            .is_none_or(|wanted| name.to_lowercase().contains(wanted));
        if fits {
            shown.push((template.page, name, template.is_default));
        }
    }
    let begin = match paging.start {
        None => 0,
        Some(start) => shown
            .iter()
            .position(|(page, ..)| *page == start)
            .ok_or_else(|| {
                ApiError::validation(format!("The start_cursor provided is invalid: {start}"))
            })?,
    };
    let end = shown.len().min(begin + paging.page_size);
    let one = |(page, name, is_default): &(Uuid, &str, bool)| {
        let name = Value::from(*name);
        format!("{{\"id\":\"{page}\",\"name\":{name},\"is_default\":{is_default}}}")
    };
    let templates: Vec<String> = shown[begin..end].iter().map(one).collect();
    let next = json!(shown.get(end).map(|(page, ..)| page.to_string()));
    let out = format!(
        "{{\"templates\":[{}],\"has_more\":{},\"next_cursor\":{next}}}",
        templates.join(","),
        !next.is_null()
    );
    Ok(Answer::read(out).bare())
}

/// Reads the `template` of a request about a page in `source`; nothing where it asks for none. The page
/// is not known yet where it is about to be made.
pub(super) fn application(
    world: &World,
    body: &Map<String, Value>,
    source: Option<Uuid>,
    is_new: bool,
) -> ApiResult<Option<Application>> {
    let Some(given) = object_field(body, "template")? else {
        return Ok(None);
    };
    let template = match given.get("type").and_then(Value::as_str) {
        Some("none") if is_new => return Ok(None),
        Some("default") => default_of(world, source)?,
        Some("template_id") => by_id(world, given.get("template_id"))?,
        _ => {
            let expected = match is_new {
                true => "`\"none\"`, `\"default\"`, or `\"template_id\"`",
                false => "`\"default\"` or `\"template_id\"`",
            };
            return Err(ApiError::body(
                "body.template.type",
                expected,
                given.get("type"),
            ));
        }
    };
    for key in ["children", "content", "markdown"] {
        if let Some(value) = body.get(key) {
            return Err(ApiError::body(
                &format!("body.{key}"),
                "not present",
                Some(value),
            ));
        }
    }
    let path = "body.template.timezone";
    let zone = match given.get("timezone") {
        None => "UTC",
        Some(Value::String(zone)) if jiff::tz::TimeZone::get(zone).is_ok() => zone,
        other => return Err(ApiError::body(path, "a valid IANA time zone", other)),
    };
    let named = body.get("properties").and_then(Value::as_object);
    Ok(Some(Application {
        template,
        page: Uuid::nil(),
        erases: body.get("erase_content") == Some(&Value::Bool(true)),
        named: named
            .into_iter()
            .flat_map(|named| named.keys().cloned())
            .collect(),
        zone: zone.to_owned(),
    }))
}

fn default_of(world: &World, source: Option<Uuid>) -> ApiResult<Uuid> {
    let mut templates = world.templates.iter();
    let found = templates.find(|one| one.is_default && Some(one.data_source) == source);
    let seen = found.filter(|template| world.page(template.page).is_ok_and(|row| !row.in_trash));
    seen.map(|template| template.page).ok_or_else(|| {
        ApiError::validation(match source {
            Some(id) => format!("Data source with ID {id} does not have a default template."),
            None => "A page that is not in a data source has no default template.".to_owned(),
        })
    })
}

/// Any page can be a template.
fn by_id(world: &World, given: Option<&Value>) -> ApiResult<Uuid> {
    let expected = if given.is_some() {
        "a valid uuid"
    } else {
        "defined"
    };
    let id = given.and_then(Value::as_str).and_then(parse_id);
    let id = id.ok_or_else(|| ApiError::body("body.template.template_id", expected, given))?;
    match world.page(id) {
        Ok(row) if !row.in_trash => Ok(id),
        _ => Err(ApiError::validation(format!(
            "Could not find template with ID: {id}."
        ))),
    }
}
