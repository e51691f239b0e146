//! Blocks as requests give them: checking them, and filling in what the API fills in. Whether they may
//! stand where they are put is not decided here.

use serde_json::{Map, Value, json};

use super::{limit, rich_text};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::block_kind::{self, BlockKind, Holds, KINDS, LANGUAGES, Member, Need};

/// Levels of children that one request may give below its first blocks.
const LEVELS: usize = 2;

/// A block that is to be made.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) kind: &'static BlockKind,
    pub(crate) inner: Map<String, Value>,
    pub(crate) children: Vec<Draft>,
}

/// Reads the `children` of a request.
pub(crate) fn children(path: &str, given: &Value) -> ApiResult<Vec<Draft>> {
    let drafts = list(path, given, LEVELS, None)?;
    if count(&drafts) > limit::BLOCKS {
        return Err(ApiError::validation(format!(
            "body failed validation: a request makes at most {} blocks.",
            limit::BLOCKS
        )));
    }
    Ok(drafts)
}

/// Reads what an update says of a block of this kind: the members it changes.
pub(crate) fn update(kind: &'static BlockKind, given: &Value) -> ApiResult<Map<String, Value>> {
    let path = format!("body.{}", kind.name);
    let changes_nothing = kind
        .members
        .iter()
        .all(|member| member.2 == Need::OnlyAtFirst);
    if changes_nothing && kind.holds != Holds::Nothing {
        return Err(ApiError::body(&path, "not present", Some(given)));
    }
    members(&path, kind, object(&path, given)?, false)
}

/// Checks what is said of a new block of this kind, children left out, and fills in what the API does.
pub(crate) fn first_members(
    path: &str,
    kind: &'static BlockKind,
    given: &Map<String, Value>,
) -> ApiResult<Map<String, Value>> {
    members(path, kind, given, true)
}

fn count(drafts: &[Draft]) -> usize {
    let below = drafts.iter().map(|draft| count(&draft.children));
    drafts.len() + below.sum::<usize>()
}

fn list(
    path: &str,
    given: &Value,
    levels: usize,
    only: Option<&'static str>,
) -> ApiResult<Vec<Draft>> {
    let Some(items) = given.as_array() else {
        return Err(ApiError::body(path, "an array", Some(given)));
    };
    limit::count(path, limit::ARRAY_ITEMS, items.len())?;
    let item = |(at, item)| draft(&format!("{path}[{at}]"), item, levels, only);
    items.iter().enumerate().map(item).collect()
}

fn draft(path: &str, given: &Value, levels: usize, only: Option<&str>) -> ApiResult<Draft> {
    let block = object(path, given)?;
    let kind = kind_of(path, block, levels, only)?;
    for (key, value) in block {
        if key != "object" && key != "type" && key != kind.name {
            let path = format!("{path}.{key}");
            return Err(ApiError::body(&path, "not present", Some(value)));
        }
    }
    let path = format!("{path}.{}", kind.name);
    let given = object(&path, block.get(kind.name).unwrap_or(&Value::Null))?;
    Ok(Draft {
        kind,
        inner: members(&path, kind, given, true)?,
        children: nested(&path, kind, given.get("children"), levels)?,
    })
}

/// Which kind a block is: what its `type` says, or the member it has.
fn kind_of(
    path: &str,
    block: &Map<String, Value>,
    levels: usize,
    only: Option<&str>,
) -> ApiResult<&'static BlockKind> {
    let undefined = |name: &str| ApiError::body(&format!("{path}.{name}"), "defined", None);
    if let Some(only) = only {
        return match block_kind::find(only) {
            Some(kind) if block.contains_key(only) => Ok(kind),
            _ => Err(undefined(only)),
        };
    }
    let named = block.get("type").and_then(Value::as_str);
    let kind = match named.and_then(block_kind::find) {
        Some(kind) if !block.contains_key(kind.name) => return Err(undefined(kind.name)),
        Some(kind) => Some(kind),
        None => KINDS.iter().find(|kind| block.contains_key(kind.name)),
    };
    match kind {
        Some(kind) if kind.fits(levels) => Ok(kind),
        _ => Err(ApiError::fix_one(
            KINDS
                .iter()
                .filter(|kind| kind.fits(levels) && !block.contains_key(kind.name))
                .map(|kind| undefined(kind.name)),
        )),
    }
}

fn nested(
    path: &str,
    kind: &'static BlockKind,
    given: Option<&Value>,
    levels: usize,
) -> ApiResult<Vec<Draft>> {
    let path = format!("{path}.children");
    let Some(given) = given else {
        return match kind.least {
            Some(_) => Err(ApiError::body(&path, "defined", None)),
            None => Ok(Vec::new()),
        };
    };
    if levels == 0 || kind.holds == Holds::Nothing {
        return Err(ApiError::body(&path, "not present", Some(given)));
    }
    let only = match kind.holds {
        Holds::Only(only) => Some(only),
        _ => None,
    };
    // A list of columns is no level of its own.
    let below = levels - usize::from(kind.name != "column_list");
    let drafts = list(&path, given, below, only)?;
    match kind.least {
        Some(least) if drafts.len() < least => Err(ApiError::validation(format!(
            "body failed validation: {path}.length should be ≥ `{least}`, instead was `{}`.",
            drafts.len()
        ))),
        _ => Ok(drafts),
    }
}

fn object<'v>(path: &str, given: &'v Value) -> ApiResult<&'v Map<String, Value>> {
    given
        .as_object()
        .ok_or_else(|| ApiError::body(path, "an object", Some(given)))
}

/// Checks the members of a block, and gives those to be kept. `first` says that it is being made.
fn members(
    path: &str,
    kind: &BlockKind,
    given: &Map<String, Value>,
    first: bool,
) -> ApiResult<Map<String, Value>> {
    let known = |key: &str| {
        let own = kind.members.iter().find(|member| member.0 == key);
        let made_only = own.is_some_and(|member| member.2 == Need::OnlyAtFirst);
        let has = |member| kind.members.iter().any(|own| own.1 == member);
        match key {
            "children" => first && kind.holds != Holds::Nothing,
            "type" if has(Member::Target) => true,
            "type" if has(Member::File) => first,
            "file_upload" if has(Member::File) => true,
            "database_id" | "comment_id" if has(Member::Target) => true,
            _ => own.is_some() && (first || !made_only),
        }
    };
    if let Some((key, value)) = given.iter().find(|(key, _)| !known(key)) {
        let path = format!("{path}.{key}");
        return Err(ApiError::body(&path, "not present", Some(value)));
    }
    let mut out = Map::new();
    for (name, member, need) in kind.members {
        match member {
            Member::File => file(path, kind, given, first, &mut out)?,
            Member::Target => target(path, given, &mut out)?,
            _ => {
                let path = format!("{path}.{name}");
                let needed = *need == Need::Always || first && *need != Need::Never;
                let value = match given.get(*name) {
                    Some(value) => Some(value_of(&path, *member, value)?),
                    None if needed => return Err(ApiError::body(&path, "defined", None)),
                    None if first => filled_in(*member, given),
                    None => None,
                };
                if let Some(value) = value {
                    out.insert((*name).into(), value);
                }
            }
        }
    }
    Ok(out)
}

/// What the API puts in place of a member that a new block does not give.
fn filled_in(member: Member, given: &Map<String, Value>) -> Option<Value> {
    match member {
        Member::Text => Some(json!([])),
        Member::Color => Some(json!("default")),
        Member::Icon => Some(Value::Null),
        Member::Flag => Some(json!(false)),
        Member::Name => {
            let url = given.get("external").and_then(|file| file["url"].as_str());
            let last = url.and_then(|url| url.rsplit('/').next());
            Some(json!(last.unwrap_or_default()))
        }
        _ => None,
    }
}

fn value_of(path: &str, member: Member, given: &Value) -> ApiResult<Value> {
    let refuse = |expected: &str| Err(ApiError::body(path, expected, Some(given)));
    match (member, given) {
        (Member::Text, _) => return rich_text::normalise(path, given),
        (Member::Color, _) => rich_text::color(path, given)?,
        // What it may be is checked with the place the block goes to.
        (Member::Icon, Value::Object(_)) => {}
        (Member::Icon, _) => return refuse("an object or `undefined`"),
        (Member::Flag, Value::Bool(_)) => {}
        (Member::Flag, _) => return refuse("a boolean"),
        (Member::Language, Value::String(language))
            if LANGUAGES.split(',').any(|l| l == language) => {}
        (Member::Language, _) => {
            let names: Vec<String> = LANGUAGES.split(',').map(|l| format!("`\"{l}\"`")).collect();
            let (last, others) = names
                .split_last()
                .map_or(("", &[][..]), |(l, o)| (l.as_str(), o));
            return refuse(&format!("{}, or {last}", others.join(", ")));
        }
        (Member::Expression, Value::String(text)) => limit::utf16(path, limit::EQUATION, text)?,
        (Member::Address, Value::String(text)) => limit::utf16(path, limit::TEXT, text)?,
        (Member::Expression | Member::Address | Member::Name, value) if !value.is_string() => {
            return refuse("a string");
        }
        (Member::Width, value) if value.as_u64().is_none_or(|width| width == 0) => {
            return refuse("a number ≥ `1`");
        }
        (Member::Ratio, value)
            if value
                .as_f64()
                .is_none_or(|ratio| ratio <= 0.0 || ratio >= 1.0) =>
        {
            return refuse("a number between `0` and `1`");
        }
        (Member::Cells, Value::Array(cells)) => {
            limit::count(path, limit::ARRAY_ITEMS, cells.len())?;
            let cells = cells.iter().enumerate();
            let cells =
                cells.map(|(at, cell)| rich_text::normalise(&format!("{path}[{at}]"), cell));
            return Ok(Value::Array(cells.collect::<ApiResult<_>>()?));
        }
        (Member::Cells, _) => return refuse("an array"),
        (Member::SyncedFrom, Value::Null) => {}
        (Member::SyncedFrom, _) => {
            let id = uuid_at(&format!("{path}.block_id"), given.get("block_id"))?;
            return Ok(json!({"type": "block_id", "block_id": id}));
        }
        _ => {}
    }
    Ok(given.clone())
}

fn uuid_at(path: &str, given: Option<&Value>) -> ApiResult<String> {
    let id = given.and_then(Value::as_str).and_then(parse_id);
    let expected = if given.is_some() {
        "a valid uuid"
    } else {
        "defined"
    };
    id.map(|id| id.to_string())
        .ok_or_else(|| ApiError::body(path, expected, given))
}

/// Reads the bytes of a medium. Whether an upload can be attached is checked with the place it goes to.
fn file(
    path: &str,
    kind: &BlockKind,
    given: &Map<String, Value>,
    first: bool,
    out: &mut Map<String, Value>,
) -> ApiResult<()> {
    if let Some(external) = given.get("external") {
        let at = format!("{path}.external.url");
        let url = match external.get("url") {
            Some(Value::String(url)) => url,
            None => return Err(ApiError::body(&at, "defined", None)),
            other => return Err(ApiError::body(&at, "a string", other)),
        };
        limit::utf16(&at, limit::TEXT, url)?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(ApiError::content(&format!("Invalid {} url.", kind.name)));
        }
        out.insert("type".into(), json!("external"));
        out.insert("external".into(), json!({"url": url}));
    } else if let Some(upload) = given.get("file_upload") {
        let id = uuid_at(&format!("{path}.file_upload.id"), upload.get("id"))?;
        out.insert("type".into(), json!("file_upload"));
        out.insert("file_upload".into(), json!({"id": id}));
    } else if first {
        let undefined = |name| ApiError::body(&format!("{path}.{name}"), "defined", None);
        return Err(ApiError::fix_one(
            ["external", "file_upload"].map(undefined),
        ));
    }
    Ok(())
}

fn target(path: &str, given: &Map<String, Value>, out: &mut Map<String, Value>) -> ApiResult<()> {
    const TARGETS: [&str; 3] = ["page_id", "database_id", "comment_id"];
    let Some(kind) = TARGETS.into_iter().find(|kind| given.contains_key(*kind)) else {
        let undefined = |name| ApiError::body(&format!("{path}.{name}"), "defined", None);
        return Err(ApiError::fix_one(TARGETS.map(undefined)));
    };
    let id = uuid_at(&format!("{path}.{kind}"), given.get(kind))?;
    out.insert("type".into(), json!(kind));
    out.insert(kind.into(), json!(id));
    Ok(())
}
