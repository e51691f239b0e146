//! File uploads: create, send, complete, retrieve, list.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::form::Field;
use super::{Answer, Call, id_paging, list_open, only, push_list_end};
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::upload::{Mode, Standing, Upload, too_large};
use crate::value::{limit, media};
use crate::version::Version;

/// `POST /v1/file_uploads`
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    const KNOWN: [&str; 5] = [
        "mode",
        "filename",
        "content_type",
        "number_of_parts",
        "external_url",
    ];
    only(call.body, &KNOWN)?;
    let mode = mode(call.body)?;
    let filename = text(call.body, "filename")?;
    let content_type = text(call.body, "content_type")?;
    if let (Mode::Parts(_), None) = (&mode, filename) {
        return Err(ApiError::body("body.filename", "defined", None));
    }
    let named = match &mode {
        Mode::External(url) if filename.is_none() && content_type.is_none() => last_part(url),
        _ => None,
    };
    let (filename, content_type) = called(world, filename.or(named), content_type)?;
    let mut upload = Upload::new(world.ids.next_uuid(), world.now, world.bot, mode);
    upload.filename = filename;
    upload.content_type = content_type;
    let id = upload.id;
    world.add_upload(upload);
    Ok(Answer::saved(body(world, id, call.version)?, id))
}

fn mode(body: &Map<String, Value>) -> ApiResult<Mode> {
    let given = body.get("mode");
    let named = given.map_or(Some("single_part"), Value::as_str);
    let mode = match named {
        Some("single_part") => Mode::Single,
        Some("multi_part") => {
            let path = "body.number_of_parts";
            let given = body.get("number_of_parts");
            let parts = given.ok_or_else(|| ApiError::body(path, "defined", None))?;
            let number = parts.as_u64().and_then(|number| u32::try_from(number).ok());
            let number = number.ok_or_else(|| ApiError::body(path, "a number", given))?;
            if number == 0 {
                return Err(ApiError::body(path, "≥ `1`", given));
            }
            if number > limit::FILE_PARTS {
                let expected = format!("≤ `{}`", limit::FILE_PARTS);
                return Err(ApiError::body(path, &expected, given));
            }
            Mode::Parts(number)
        }
        Some("external_url") => {
            let path = "body.external_url";
            let url = text(body, "external_url")?;
            let url = url.ok_or_else(|| ApiError::body(path, "defined", None))?;
            limit::utf16(path, limit::TEXT, url)?;
            if !url.starts_with("https://") {
                return Err(ApiError::body(
                    path,
                    "a valid https url",
                    body.get("external_url"),
                ));
            }
            Mode::External(url.to_owned())
        }
        _ => {
            return Err(ApiError::body(
                "body.mode",
                "`\"single_part\"`, `\"multi_part\"`, `\"external_url\"`, or `undefined`",
                given,
            ));
        }
    };
    for (key, fits) in [
        ("number_of_parts", matches!(mode, Mode::Parts(_))),
        ("external_url", matches!(mode, Mode::External(_))),
    ] {
        if let (Some(value), false) = (body.get(key), fits) {
            return Err(ApiError::body(
                &format!("body.{key}"),
                "not present",
                Some(value),
            ));
        }
    }
    Ok(mode)
}

fn text<'b>(body: &'b Map<String, Value>, key: &str) -> ApiResult<Option<&'b str>> {
    match body.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        other => Err(ApiError::body(
            &format!("body.{key}"),
            "a string or `undefined`",
            other,
        )),
    }
}

fn last_part(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

/// Name and content type as an upload has them: each is made up from the other, and they have to agree.
fn called(
    world: &World,
    name: Option<&str>,
    given: Option<&str>,
) -> ApiResult<(Option<String>, Option<String>)> {
    let given = given.filter(|given| !media::says_nothing(given));
    let by_type = match given {
        None => None,
        Some(given) => Some(media::of_content_type(given).ok_or_else(|| {
            ApiError::validation(
                "Provided `content_type` is not supported for the File Upload API.",
            )
        })?),
    };
    let Some(name) = name else {
        return Ok((None, given.map(str::to_owned)));
    };
    // A dot is what makes an extension, whether or not it is a known one.
    let name = match (name.contains('.'), by_type) {
        (false, Some(medium)) => format!("{name}.{}", medium.extension()),
        _ => name.to_owned(),
    };
    let name = match world.knobs.file_names_are_kept {
        true => name,
        false => name.replace(' ', "_"),
    };
    limit::count("body.filename", limit::FILE_NAME_BYTES, name.len())?;
    let by_name = media::of_name(&name).ok_or_else(|| {
        ApiError::validation(
            "Provided `filename` has an extension that is not supported for the File Upload API.",
        )
    })?;
    if by_type.is_some_and(|by_type| !by_type.agrees(by_name)) {
        return Err(ApiError::validation(
            "Provided `content_type` does not match the extension of the provided `filename`.",
        ));
    }
    let content_type = given.unwrap_or(by_name.content_type).to_owned();
    Ok((Some(name), Some(content_type)))
}

/// `POST /v1/file_uploads/{id}/send`
pub(crate) fn send(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let upload = pending(world, id)?;
    if let Mode::External(_) = upload.mode {
        return Err(ApiError::validation(format!(
            "File upload with ID {id} is imported from an external URL: nothing can be sent to it."
        )));
    }
    if let Some(other) = call.form.other_than(&["file", "part_number"]) {
        let path = format!("body.{}", other.name);
        let given = Value::from(other.text());
        return Err(ApiError::body(&path, "not present", Some(&given)));
    }
    let file = call.form.field("file");
    let file = file.ok_or_else(|| ApiError::body("body.file", "defined", None))?;
    let part = part_number(&upload.mode, call.form.field("part_number"))?;
    let (name, content_type) = sent_as(world, upload, file)?;
    check_size(world, upload, part, file.bytes.len())?;
    let now = world.now;
    if let Some(upload) = world.upload_mut(id) {
        upload.filename = name;
        upload.content_type = content_type;
        upload.parts.insert(part, file.bytes.clone());
        upload.edited = now;
        if upload.mode == Mode::Single {
            upload.finish(now);
            world.happened("file_upload.completed", id, world.bot, json!({}));
        }
    }
    world.revision += 1;
    Ok(Answer::saved(body(world, id, call.version)?, id))
}

/// An upload that something may still be done to.
fn pending(world: &World, id: Uuid) -> ApiResult<&Upload> {
    let upload = world.upload(id)?;
    match upload.standing_at(world.now) {
        Standing::Pending => Ok(upload),
        other => Err(ApiError::validation(format!(
            "File upload with ID {id} is not pending: its status is `{}`.",
            other.as_str()
        ))),
    }
}

fn part_number(mode: &Mode, given: Option<&Field>) -> ApiResult<u32> {
    let path = "body.part_number";
    let text = given.map(Field::text);
    let shown = text.as_deref().map(Value::from);
    let Mode::Parts(total) = mode else {
        return match shown {
            None => Ok(1),
            Some(shown) => Err(ApiError::body(path, "not present", Some(&shown))),
        };
    };
    let text = text.ok_or_else(|| ApiError::body(path, "defined", None))?;
    let number = text.parse::<u32>().ok();
    number
        .filter(|number| (1..=*total).contains(number))
        .ok_or_else(|| {
            let expected = format!("an integer between 1 and {total}");
            ApiError::body(path, &expected, shown.as_ref())
        })
}

/// Name and content type after a file was sent under its own.
fn sent_as(
    world: &World,
    upload: &Upload,
    file: &Field,
) -> ApiResult<(Option<String>, Option<String>)> {
    let known = (upload.filename.clone(), upload.content_type.clone());
    let sent = file
        .content_type
        .as_deref()
        .filter(|sent| !media::says_nothing(sent));
    if let (Some(known), Some(sent)) = (&known.1, sent) {
        let (known, sent) = (media::of_content_type(known), media::of_content_type(sent));
        if known
            .zip(sent)
            .is_none_or(|(known, sent)| !known.agrees(sent))
        {
            return Err(ApiError::validation(
                "The content type of the file that was sent does not match the one of the file upload.",
            ));
        }
    }
    match known.0 {
        Some(_) => Ok(known),
        None => called(
            world,
            file.file_name.as_deref(),
            known.1.as_deref().or(sent),
        ),
    }
}

/// Parts have to be large, all but the last; nothing may be too large.
fn check_size(world: &World, upload: &Upload, part: u32, length: usize) -> ApiResult<()> {
    let length = length as u64;
    let refuse = |limit| Err(ApiError::validation(too_large(limit)));
    if length > limit::FILE_PART_BYTES {
        return refuse(limit::FILE_PART_BYTES);
    }
    let others = upload.parts.iter().filter(|(number, _)| **number != part);
    let sent: u64 = others.map(|(_, bytes)| bytes.len() as u64).sum();
    if sent + length > world.upload_limit() {
        return refuse(world.upload_limit());
    }
    match upload.mode {
        Mode::Parts(total) if part < total && length < limit::FILE_PART_BYTES_LEAST => {
            Err(ApiError::validation(format!(
                "Part {part} of {total} is smaller than {} MiB, which only the last part may be.",
                limit::FILE_PART_BYTES_LEAST / (1024 * 1024)
            )))
        }
        _ => Ok(()),
    }
}

/// `POST /v1/file_uploads/{id}/complete`
pub(crate) fn complete(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &[])?;
    let upload = pending(world, id)?;
    let Mode::Parts(total) = upload.mode else {
        return Err(ApiError::validation(format!(
            "File upload with ID {id} is not of mode `multi_part`: there is nothing to complete."
        )));
    };
    let missing: Vec<String> = (1..=total)
        .filter(|part| !upload.parts.contains_key(part))
        .map(|part| part.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::validation(format!(
            "File upload with ID {id} cannot be completed: of {total} parts these were not sent: {}.",
            missing.join(", ")
        )));
    }
    if upload.sent() > world.upload_limit() {
        return Err(ApiError::validation(too_large(world.upload_limit())));
    }
    let now = world.now;
    if let Some(upload) = world.upload_mut(id) {
        upload.finish(now);
    }
    world.revision += 1;
    world.happened("file_upload.completed", id, world.bot, json!({}));
    Ok(Answer::saved(body(world, id, call.version)?, id))
}

/// `GET /v1/file_uploads/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id, call.version)?))
}

fn body(world: &World, id: Uuid, version: Version) -> ApiResult<String> {
    let mut out = String::new();
    world.push_upload(&mut out, world.upload(id)?, version);
    Ok(out)
}

/// `GET /v1/file_uploads`: newest first. A cursor is the id of the next one.
pub(crate) fn list(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let given = call.query.iter().find(|(key, _)| key == "status");
    let standing = given.map(|(_, text)| {
        Standing::parse(text).ok_or_else(|| {
            let given = Value::from(text.as_str());
            let expected =
                "`\"pending\"`, `\"uploaded\"`, `\"expired\"`, `\"failed\"`, or `undefined`";
            ApiError::query("query.status", expected, Some(&given))
        })
    });
    let standing = standing.transpose()?;
    let newest = world.uploads.iter().rev();
    let mut shown = newest
        .filter(|upload| standing.is_none_or(|one| upload.standing_at(world.now) == one))
        .peekable();
    if let Some(start) = paging.start {
        while shown.next_if(|upload| upload.id != start).is_some() {}
        if shown.peek().is_none() {
            let message = format!("The start_cursor provided is invalid: {start}");
            return Err(ApiError::validation(message));
        }
    }
    let mut out = list_open(0);
    for (at, upload) in shown.by_ref().take(paging.page_size).enumerate() {
        if at > 0 {
            out.push(',');
        }
        world.push_upload(&mut out, upload, call.version);
    }
    let next = shown.next().map(|upload| upload.id.to_string());
    push_list_end(&mut out, next.as_deref(), "file_upload", None);
    Ok(Answer::read(out))
}
