//! Every operation of the API: its name, where it is, and what carries it out. Those without a handler
//! are refused by name.

use uuid::Uuid;

use super::{
    Answer, Call, blocks, comments, containers, emojis, markdown, oauth, pages, property_item,
    search, tasks, templates, uploads, users, views,
};
use crate::error::{ApiError, ApiResult};
use crate::ids::{parse_id, percent_decode};
use crate::model::World;

/// An operation of the API.
pub(crate) struct Route {
    /// What refusals call it, after the API's own description.
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// Below `/v1/`; a part in braces takes anything, and is called so in refusals.
    pub(crate) path: &'static str,
    /// Whether it is meant to change something.
    pub(crate) mutates: bool,
    /// Whether its body comes in parts, not as JSON.
    pub(crate) takes_parts: bool,
    /// Whether who asks shows a program's credentials, not a token.
    pub(crate) is_for_clients: bool,
    run: Run,
}

/// What carries out an operation.
enum Run {
    /// Without an object in its path.
    All(fn(&mut World, &Call<'_>) -> ApiResult<Answer>),
    /// On the object in its path.
    One(fn(&mut World, Uuid, &Call<'_>) -> ApiResult<Answer>),
    /// On a part of it.
    Part(fn(&mut World, Uuid, &str, &Call<'_>) -> ApiResult<Answer>),
    /// On something that has a name instead of an id.
    Named(fn(&mut World, &str, &Call<'_>) -> ApiResult<Answer>),
    /// Not simulated.
    Nothing,
}

use Run::{All, Named, Nothing, One, Part};

const fn read(method: &'static str, path: &'static str, name: &'static str, run: Run) -> Route {
    Route {
        name,
        method,
        path,
        mutates: false,
        takes_parts: false,
        is_for_clients: false,
        run,
    }
}

const fn write(method: &'static str, path: &'static str, name: &'static str, run: Run) -> Route {
    Route {
        mutates: true,
        ..read(method, path, name, run)
    }
}

const fn in_parts(route: Route) -> Route {
    Route {
        takes_parts: true,
        ..route
    }
}

const fn for_clients(route: Route) -> Route {
    Route {
        is_for_clients: true,
        ..route
    }
}

/// All of them. A literal part stands before a part in braces in its place.
static ROUTES: &[Route] = &[
    read(
        "GET",
        "users/me",
        "get-self",
        All(|world, _| users::me(world)),
    ),
    read("GET", "users", "get-users", All(users::list)),
    read("GET", "users/{user_id}", "get-user", One(users::retrieve)),
    read("POST", "search", "post-search", All(search::search)),
    write(
        "POST",
        "databases",
        "create-database",
        All(containers::create_database),
    ),
    read(
        "GET",
        "databases/{database_id}",
        "retrieve-database",
        One(containers::retrieve_database),
    ),
    write(
        "PATCH",
        "databases/{database_id}",
        "update-database",
        One(containers::update_database),
    ),
    write(
        "POST",
        "data_sources",
        "create-a-data-source",
        All(containers::create_data_source),
    ),
    read(
        "GET",
        "data_sources/{data_source_id}",
        "retrieve-a-data-source",
        One(containers::retrieve_data_source),
    ),
    write(
        "PATCH",
        "data_sources/{data_source_id}",
        "update-a-data-source",
        One(containers::update_data_source),
    ),
    read(
        "POST",
        "data_sources/{data_source_id}/query",
        "post-database-query",
        One(containers::query),
    ),
    read(
        "GET",
        "data_sources/{data_source_id}/templates",
        "list-data-source-templates",
        One(templates::list),
    ),
    write("POST", "pages", "post-page", All(pages::create)),
    read(
        "GET",
        "pages/{page_id}",
        "retrieve-a-page",
        One(pages::retrieve),
    ),
    write("PATCH", "pages/{page_id}", "patch-page", One(pages::update)),
    write(
        "POST",
        "pages/{page_id}/move",
        "move-page",
        One(pages::move_to),
    ),
    read(
        "GET",
        "pages/{page_id}/properties/{property_id}",
        "retrieve-a-page-property",
        Part(property_item::retrieve),
    ),
    read(
        "GET",
        "pages/{page_id}/markdown",
        "retrieve-page-markdown",
        One(markdown::retrieve),
    ),
    write(
        "PATCH",
        "pages/{page_id}/markdown",
        "update-page-markdown",
        One(markdown::update),
    ),
    read(
        "GET",
        "blocks/{block_id}",
        "retrieve-a-block",
        One(blocks::retrieve),
    ),
    write(
        "PATCH",
        "blocks/{block_id}",
        "update-a-block",
        One(blocks::update),
    ),
    write(
        "DELETE",
        "blocks/{block_id}",
        "delete-a-block",
        One(blocks::delete),
    ),
    read(
        "GET",
        "blocks/{block_id}/children",
        "get-block-children",
        One(blocks::list),
    ),
    write(
        "PATCH",
        "blocks/{block_id}/children",
        "patch-block-children",
        One(blocks::append),
    ),
    read("GET", "comments", "list-comments", All(comments::list)),
    write(
        "POST",
        "comments",
        "create-a-comment",
        All(comments::create),
    ),
    read(
        "GET",
        "comments/{comment_id}",
        "retrieve-comment",
        One(comments::retrieve),
    ),
    write(
        "PATCH",
        "comments/{comment_id}",
        "update-a-comment",
        One(comments::update),
    ),
    write(
        "DELETE",
        "comments/{comment_id}",
        "delete-a-comment",
        One(comments::delete),
    ),
    read("GET", "views", "list-views", All(views::list)),
    write("POST", "views", "create-view", All(views::create)),
    read(
        "GET",
        "views/{view_id}",
        "retrieve-a-view",
        One(views::retrieve),
    ),
    write(
        "PATCH",
        "views/{view_id}",
        "update-a-view",
        One(views::update),
    ),
    write(
        "DELETE",
        "views/{view_id}",
        "delete-view",
        One(views::delete),
    ),
    read(
        "POST",
        "views/{view_id}/queries",
        "create-view-query",
        One(views::create_query),
    ),
    read(
        "GET",
        "views/{view_id}/queries/{query_id}",
        "get-view-query-results",
        Part(views::query_results),
    ),
    read(
        "DELETE",
        "views/{view_id}/queries/{query_id}",
        "delete-view-query",
        Part(views::delete_query),
    ),
    read(
        "GET",
        "file_uploads",
        "list-file-uploads",
        All(uploads::list),
    ),
    write("POST", "file_uploads", "create-file", All(uploads::create)),
    read(
        "GET",
        "file_uploads/{file_upload_id}",
        "retrieve-file-upload",
        One(uploads::retrieve),
    ),
    in_parts(write(
        "POST",
        "file_uploads/{file_upload_id}/send",
        "upload-file",
        One(uploads::send),
    )),
    write(
        "POST",
        "file_uploads/{file_upload_id}/complete",
        "complete-file-upload",
        One(uploads::complete),
    ),
    read(
        "GET",
        "custom_emojis",
        "list-custom-emojis",
        All(emojis::list),
    ),
    read(
        "GET",
        "async_tasks/{task_id}",
        "retrieve-async-task",
        Named(tasks::retrieve),
    ),
    // Meeting notes are made by a service of their own.
    write(
        "POST",
        "blocks/meeting_notes",
        "create-meeting-notes",
        Nothing,
    ),
    read(
        "POST",
        "blocks/meeting_notes/query",
        "query-meeting-notes",
        Nothing,
    ),
    for_clients(write(
        "POST",
        "oauth/token",
        "create-a-token",
        All(oauth::token),
    )),
    for_clients(read(
        "POST",
        "oauth/introspect",
        "introspect-token",
        All(oauth::introspect),
    )),
    for_clients(write(
        "POST",
        "oauth/revoke",
        "revoke-token",
        All(oauth::revoke),
    )),
];

/// Finds the operation of a request.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Route> {
    let given = path.strip_prefix("/v1/")?;
    let fits = |route: &&Route| {
        route.method == method && {
            let mut given = given.split('/');
            let all = route.path.split('/').all(|part| {
                given
                    .next()
                    .is_some_and(|given| part == given || is_open(part) && !given.is_empty())
            });
            all && given.next().is_none()
        }
    };
    ROUTES.iter().find(fits)
}

impl Route {
    /// Whether anything carries it out.
    pub(crate) fn is_simulated(&self) -> bool {
        !matches!(self.run, Nothing)
    }

    /// Carries out a request that was found to be for it.
    pub(crate) fn carry_out(
        &self,
        world: &mut World,
        path: &str,
        call: &Call<'_>,
    ) -> ApiResult<Answer> {
        let given = path.trim_start_matches("/v1/").split('/');
        let mut open = self.path.split('/').zip(given);
        let mut open = std::iter::from_fn(|| open.find(|(part, _)| is_open(part)));
        match self.run {
            All(run) => run(world, call),
            One(run) => run(world, path_id(open.next())?, call),
            Part(run) => {
                let id = path_id(open.next())?;
                let part = open
                    .next()
                    .map_or_else(String::new, |(_, part)| percent_decode(part));
                run(world, id, &part, call)
            }
            Named(run) => {
                let name = open
                    .next()
                    .map_or_else(String::new, |(_, name)| percent_decode(name));
                run(world, &name, call)
            }
            Nothing => Err(ApiError::new(
                400,
                "invalid_request",
                format!("Unsupported request: {}.", self.name),
            )),
        }
    }
}

fn is_open(part: &str) -> bool {
    part.starts_with('{')
}

fn path_id(open: Option<(&str, &str)>) -> ApiResult<Uuid> {
    let (name, text) = open.unwrap_or_default();
    parse_id(text).ok_or_else(|| {
        let name = name.trim_matches(['{', '}']);
        ApiError::validation(format!(
            "path failed validation: path.{name} should be a valid uuid, instead was `\"{text}\"`."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &str, path: &str) -> Option<&'static str> {
        find(method, path).map(|route| route.name)
    }

    #[test]
    fn every_operation_is_found_where_it_is() {
        for (at, route) in ROUTES.iter().enumerate() {
            let path = format!("/v1/{}", route.path);
            assert_eq!(name(route.method, &path), Some(route.name));
            let twin = ROUTES[..at].iter().find(|other| other.name == route.name);
            assert!(twin.is_none(), "{} is there twice", route.name);
        }
        assert_eq!(name("GET", "/v1/users/me"), Some("get-self"));
        assert_eq!(name("GET", "/v1/users/x"), Some("get-user"));
        for (method, path) in [
            ("GET", "/v1/nowhere"),
            ("PUT", "/v1/pages"),
            ("GET", "/v1/pages/"),
            ("GET", "/v1/pages/x/y"),
            ("GET", "/pages/x"),
        ] {
            assert_eq!(name(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn queries_and_searches_change_nothing() {
        let mutates = |method, path| find(method, path).unwrap().mutates;
        assert!(!mutates("POST", "/v1/data_sources/x/query"));
        assert!(!mutates("POST", "/v1/search"));
        assert!(mutates("POST", "/v1/pages"));
        assert!(mutates("DELETE", "/v1/blocks/x"));
    }
}
