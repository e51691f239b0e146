//! From method and path to an endpoint.

use uuid::Uuid;

use super::{Answer, Call, containers, filter_properties, pages, property_item, search, users};
use crate::error::{ApiError, ApiResult};
use crate::ids::{parse_id, percent_decode};
use crate::model::World;

/// Whether a request of this kind is meant to change something.
pub(crate) fn is_mutating(method: &str, path: &str) -> bool {
    match method {
        "GET" | "HEAD" => false,
        "POST" => !(path.ends_with("/query") || path == "/v1/search"),
        _ => true,
    }
}

/// Carries out a request.
pub(crate) fn dispatch(
    world: &mut World,
    method: &str,
    path: &str,
    call: &Call<'_>,
) -> ApiResult<Answer> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let ["v1", rest @ ..] = segments.as_slice() else {
        return Err(ApiError::unknown_url());
    };
    match (method, rest) {
        ("GET", ["users", "me"]) => users::me(world),
        ("GET", ["users"]) => users::list(world, call),
        ("GET", ["users", id]) => users::retrieve(world, id),
        ("POST", ["search"]) => search::search(world, call),
        ("POST", ["databases"]) => containers::create_database(world, call),
        ("GET", ["databases", id]) => containers::retrieve_database(world, path_id(id)?, call),
        ("PATCH", ["databases", id]) => containers::update_database(world, path_id(id)?, call),
        ("POST", ["data_sources"]) => containers::create_data_source(world, call),
        ("GET", ["data_sources", id]) => {
            containers::retrieve_data_source(world, path_id(id)?, call)
        }
        ("PATCH", ["data_sources", id]) => {
            containers::update_data_source(world, path_id(id)?, call)
        }
        ("POST", ["data_sources", id, "query"]) => {
            let shown = filter_properties(call.query);
            crate::query::run::query(world, path_id(id)?, call.body, &shown, call.version)
                .map(Answer::read)
        }
        ("POST", ["pages"]) => pages::create(world, call),
        ("GET", ["pages", id]) => pages::retrieve(world, path_id(id)?, call),
        ("PATCH", ["pages", id]) => pages::update(world, path_id(id)?, call),
        ("POST", ["pages", id, "move"]) => pages::move_to(world, path_id(id)?, call),
        ("GET", ["pages", id, "properties", property]) => {
            property_item::retrieve(world, path_id(id)?, &percent_decode(property), call)
        }
        ("GET", ["blocks", id]) => pages::as_block(world, path_id(id)?, call),
        ("DELETE", ["blocks", id]) => pages::trash(world, path_id(id)?, call),
        _ => Err(ApiError::unknown_url()),
    }
}

fn path_id(text: &str) -> ApiResult<Uuid> {
    parse_id(text).ok_or_else(|| {
        ApiError::validation(format!(
            "path failed validation: path.id should be a valid uuid, instead was `\"{text}\"`."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_searches_change_nothing() {
        assert!(!is_mutating("POST", "/v1/data_sources/x/query"));
        assert!(!is_mutating("POST", "/v1/search"));
        assert!(is_mutating("POST", "/v1/pages"));
        assert!(is_mutating("DELETE", "/v1/blocks/x"));
    }
}
