//! Running a query: which pages, in which order, and one page of results at a time.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::cursor::Position;
use super::filter::Filter;
use super::sort;
use crate::endpoint::{Paging, list_open, push_list_end};
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::container::DataSource;
use crate::model::row::Parent;
use crate::version::Version;

/// Answers `POST /v1/data_sources/{id}/query`.
pub(crate) fn query(
    world: &mut World,
    id: Uuid,
    body: &Map<String, Value>,
    shown: &[String],
    version: Version,
) -> ApiResult<String> {
    const KNOWN: [&str; 9] = [
        "filter",
        "sorts",
        "start_cursor",
        "page_size",
        "result_type",
        "is_archived",
        "archived",
        "in_trash",
        "filter_properties",
    ];
    if let Some((key, value)) = body.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
        return Err(ApiError::body(
            &format!("body.{key}"),
            "not present",
            Some(value),
        ));
    }
    if let Some(value) = body.get("in_trash")
        && version == Version::V2026_03_11
    {
        return Err(ApiError::body("body.in_trash", "not present", Some(value)));
    }
    let paging = Paging::from_body(body)?;
    let source = world.data_source(id)?;
    let filter = Filter::parse(&source.schema, body.get("filter"), world.now, world.bot)?;
    let sorts = sort::parse(&source.schema, body.get("sorts"))?;
    let positions = crate::endpoint::shown_positions(&source.schema, shown)?;
    let archived = crate::endpoint::flag(body, "is_archived")?.unwrap_or(false);
    let wiki_only = match body.get("result_type") {
        None => false,
        Some(kind) if kind == "page" => false,
        Some(kind) if kind == "data_source" => true,
        Some(other) => {
            let wanted = "`\"page\"` or `\"data_source\"`";
            return Err(ApiError::body("body.result_type", wanted, Some(other)));
        }
    };
    let key = format!(
        "{}|{}|{archived}|{wiki_only}",
        body.get("filter").unwrap_or(&Value::Null),
        body.get("sorts").unwrap_or(&Value::Null)
    );
    let scope = format!("{id}|{key}");
    let position = match &paging.start_cursor {
        Some(cursor) => Some(world.resume(&scope, cursor)?),
        None => None,
    };

    // What is computed may change with any other page.
    let computed = filter.is_computed || sort::is_computed(&sorts, &source.schema);
    let key = if computed {
        format!("{key}|{}", world.revision)
    } else {
        key
    };
    let ids = match source.cached(&key, world.now) {
        Some(ids) => ids,
        None => {
            let ids: Arc<[Uuid]> = if wiki_only {
                Arc::new([])
            } else {
                let filters = std::slice::from_ref(&filter);
                select(world, source, filters, &sorts, archived).into()
            };
            let settled = world.index_lag.is_zero()
                || source
                    .changed
                    .checked_add(world.index_lag)
                    .is_ok_and(|at| at <= world.now);
            let fades = filter.is_relative || computed || !settled;
            let (now, kept) = (world.now, Arc::clone(&ids));
            if let Some(source) = world.data_sources.get_mut(&id) {
                source.cache.keep(key, source.version, now, fades, kept);
            }
            ids
        }
    };

    let capped = ids.len() > world.result_cap;
    let reachable = &ids[..ids.len().min(world.result_cap)];
    let source = world.data_source(id)?;
    let place_of = |page: &Uuid| {
        world.pages.get(page).and_then(|page| {
            let row = page.indexed(world.now, world.index_lag)?;
            Some(sort::place(world, &sorts, &source.schema, row, page.seq))
        })
    };
    let begin = match position {
        None => 0,
        Some(Position::Offset(at)) => at.min(reachable.len()),
        Some(Position::After(last)) => reachable.partition_point(|page| {
            place_of(page).is_none_or(|place| sort::compare(&sorts, &place, &last).is_le())
        }),
    };
    let end = (begin + paging.page_size).min(reachable.len());
    let mut out = list_open((end - begin) * 4096);
    for (at, page) in reachable[begin..end].iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if let Some(row) = world
            .pages
            .get(page)
            .and_then(|page| page.indexed(world.now, world.index_lag))
        {
            world.render_page(&mut out, row, version, positions.as_deref());
        }
    }
    let next = match reachable[begin..end].last() {
        Some(last) if end < reachable.len() => place_of(last),
        _ => None,
    };
    let cursor = next.map(|place| world.issue_cursor(&scope, Position::After(place)));
    let status = capped.then_some(
        r#","request_status":{"type":"incomplete","incomplete_reason":"query_result_limit_reached"}"#,
    );
    push_list_end(&mut out, cursor.as_deref(), "page_or_data_source", status);
    Ok(out)
}

/// The pages that pass all filters, in order.
pub(crate) fn select(
    world: &World,
    source: &DataSource,
    filters: &[Filter],
    sorts: &[sort::Sort],
    archived: bool,
) -> Vec<Uuid> {
    let parent = Parent::DataSource(source.id);
    let passing = source.order.values().rev().filter_map(|id| {
        let page = world.pages.get(id)?;
        let row = page.indexed(world.now, world.index_lag)?;
        let passes = !world.is_aside(row.id)
            && !row.in_trash
            && row.is_archived == archived
            && row.parent == parent
            && filters.iter().all(|filter| filter.holds(world, row))
            && (world.unshared.is_empty() || world.sees_row(row));
        passes.then_some((page, row))
    });
    if sorts.is_empty() {
        return passing.map(|(_, row)| row.id).collect();
    }
    let mut placed: Vec<(sort::Place, Uuid)> = passing
        .map(|(page, row)| {
            (
                sort::place(world, sorts, &source.schema, row, page.seq),
                row.id,
            )
        })
        .collect();
    placed.sort_by(|(a, _), (b, _)| sort::compare(sorts, a, b));
    placed.into_iter().map(|(_, id)| id).collect()
}
