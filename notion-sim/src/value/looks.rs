//! How views look: what the configuration of each type may say, checked and kept with ids of properties.

use serde_json::{Map, Value, json};

use super::limit;
use super::view::unknown_property;
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::property::{self, Property};

/// What a member of a configuration may be.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Flag,
    Choice(&'static [&'static str]),
    /// A whole number of at least this.
    Whole(i64),
    Number,
    Words,
    /// Id or name of a property.
    Property,
    Object(&'static [Field]),
    /// A list of at most a hundred objects.
    Objects(&'static [Field]),
    Anything,
}

/// Its name, what it may be, and whether it has to be there.
type Field = (&'static str, Rule, bool);

use Rule::{Anything, Choice, Flag, Number, Object, Objects, Property as Column, Whole, Words};

const fn may(name: &'static str, rule: Rule) -> Field {
    (name, rule, false)
}

const fn must(name: &'static str, rule: Rule) -> Field {
    (name, rule, true)
}

const SIZES: Rule = Choice(&["small", "medium", "large"]);
const HEIGHTS: Rule = Choice(&["small", "medium", "large", "extra_large"]);
const COVER: Rule = Object(&[
    must("type", Choice(&["page_cover", "page_content", "property"])),
    may("property_id", Column),
]);
const SHOWN: Field = may(
    "properties",
    Objects(&[
        must("property_id", Column),
        may("visible", Flag),
        may("width", Whole(1)),
        may("wrap", Flag),
        may("status_show_as", Choice(&["select", "checkbox"])),
        may("card_property_width_mode", Choice(&["full_line", "inline"])),
        may(
            "date_format",
            Choice(&[
                "full",
                "short",
                "month_day_year",
                "day_month_year",
                "year_month_day",
                "relative",
            ]),
        ),
        may("time_format", Choice(&["12_hour", "24_hour", "hidden"])),
    ]),
);
const GROUP: Rule = Object(&[
    must(
        "type",
        Choice(&[
            "select",
            "multi_select",
            "status",
            "person",
            "created_by",
            "last_edited_by",
            "relation",
            "date",
            "created_time",
            "last_edited_time",
            "text",
            "title",
            "url",
            "email",
            "phone_number",
            "number",
            "checkbox",
            "formula",
        ]),
    ),
    must("property_id", Column),
    may("group_by", Anything),
    may(
        "sort",
        Object(&[must("type", Choice(&["manual", "ascending", "descending"]))]),
    ),
    may("hide_empty_groups", Flag),
    may("start_day_of_week", Whole(0)),
    may("range_start", Whole(i64::MIN)),
    may("range_end", Whole(i64::MIN)),
    may("range_size", Whole(1)),
]);
const SUM: Rule = Object(&[
    must(
        "aggregator",
        Choice(&[
            "count",
            "count_values",
            "sum",
            "average",
            "median",
            "min",
            "max",
            "range",
            "unique",
            "empty",
            "not_empty",
            "percent_empty",
            "percent_not_empty",
            "checked",
            "unchecked",
            "percent_checked",
            "percent_unchecked",
            "earliest_date",
            "latest_date",
            "date_range",
        ]),
    ),
    may("property_id", Column),
]);

/// What each type of view may say.
static LOOKS: &[(&str, &[Field])] = &[
    (
        "table",
        &[
            SHOWN,
            may("group_by", GROUP),
            may(
                "subtasks",
                Object(&[
                    may("property_id", Column),
                    may(
                        "display_mode",
                        Choice(&["show", "hidden", "flattened", "disabled"]),
                    ),
                    may(
                        "filter_scope",
                        Choice(&["parents", "parents_and_subitems", "subitems"]),
                    ),
                    may("toggle_column_id", Column),
                ]),
            ),
            may("wrap_cells", Flag),
            may("frozen_column_index", Whole(0)),
            may("show_vertical_lines", Flag),
        ],
    ),
    (
        "board",
        &[
            must("group_by", GROUP),
            may("sub_group_by", GROUP),
            SHOWN,
            may("cover", COVER),
            may("cover_size", SIZES),
            may("cover_aspect", Choice(&["contain", "cover"])),
            may("card_layout", Choice(&["list", "compact"])),
        ],
    ),
    (
        "calendar",
        &[
            must("date_property_id", Column),
            SHOWN,
            may("view_range", Choice(&["week", "month"])),
            may("show_weekends", Flag),
        ],
    ),
    (
        "timeline",
        &[
            must("date_property_id", Column),
            may("end_date_property_id", Column),
            SHOWN,
            may("show_table", Flag),
            may("table_properties", SHOWN.1),
            may(
                "preference",
                Object(&[
                    must(
                        "zoom_level",
                        Choice(&[
                            "hours", "day", "week", "bi_week", "month", "quarter", "year",
                            "5_years",
                        ]),
                    ),
                    may("center_timestamp", Whole(0)),
                ]),
            ),
            may("arrows_by", Object(&[may("property_id", Column)])),
            may("color_by", Flag),
        ],
    ),
    (
        "gallery",
        &[
            SHOWN,
            may("cover", COVER),
            may("cover_size", SIZES),
            may("cover_aspect", Choice(&["contain", "cover"])),
            may("card_layout", Choice(&["list", "compact"])),
        ],
    ),
    ("list", &[SHOWN]),
    (
        "map",
        &[may("height", HEIGHTS), may("map_by", Column), SHOWN],
    ),
    (
        "form",
        &[
            may("is_form_closed", Flag),
            may("anonymous_submissions", Flag),
            may(
                "submission_permissions",
                Choice(&["none", "comment_only", "reader", "read_and_write", "editor"]),
            ),
        ],
    ),
    (
        "chart",
        &[
            must(
                "chart_type",
                Choice(&["column", "bar", "line", "donut", "number"]),
            ),
            may("x_axis", GROUP),
            may("y_axis", SUM),
            may("x_axis_property_id", Column),
            may("y_axis_property_id", Column),
            may("value", SUM),
            may(
                "sort",
                Choice(&[
                    "manual",
                    "x_ascending",
                    "x_descending",
                    "y_ascending",
                    "y_descending",
                ]),
            ),
            may(
                "color_theme",
                Choice(&[
                    "gray", "blue", "yellow", "green", "purple", "teal", "orange", "pink", "red",
                    "auto", "colorful",
                ]),
            ),
            may("height", HEIGHTS),
            may("hide_empty_groups", Flag),
            may("legend_position", Choice(&["off", "bottom", "side"])),
            may("show_data_labels", Flag),
            may("axis_labels", Choice(&["none", "x_axis", "y_axis", "both"])),
            may(
                "grid_lines",
                Choice(&["none", "horizontal", "vertical", "both"]),
            ),
            may("cumulative", Flag),
            may("smooth_line", Flag),
            may("hide_line_fill_area", Flag),
            may(
                "group_style",
                Choice(&["normal", "percent", "side_by_side"]),
            ),
            may("y_axis_min", Number),
            may("y_axis_max", Number),
            may(
                "donut_labels",
                Choice(&["none", "value", "name", "name_and_value"]),
            ),
            may("hide_title", Flag),
            may("stack_by", GROUP),
            may(
                "reference_lines",
                Objects(&[
                    must("value", Number),
                    must("label", Words),
                    must(
                        "color",
                        Choice(&[
                            "gray",
                            "lightgray",
                            "brown",
                            "yellow",
                            "orange",
                            "green",
                            "blue",
                            "purple",
                            "pink",
                            "red",
                        ]),
                    ),
                    must("dash_style", Choice(&["solid", "dash"])),
                    may("id", Words),
                ]),
            ),
            may("caption", Words),
            may("color_by_value", Flag),
        ],
    ),
];

/// Checks a configuration, and changes the one that is there: what it does not name stays, `null` clears.
pub(crate) fn configure(
    world: &mut World,
    schema: &[Property],
    kind: &str,
    given: &Value,
    looks: &mut Map<String, Value>,
) -> ApiResult<()> {
    let path = "body.configuration";
    let Some(given) = given.as_object() else {
        return Err(ApiError::body(path, "an object", Some(given)));
    };
    let said = given.get("type");
    if said.and_then(Value::as_str) != Some(kind) {
        let expected = format!("`\"{kind}\"`");
        return Err(ApiError::body(&format!("{path}.type"), &expected, said));
    }
    let mut rest = given.clone();
    rest.remove("type");
    let known = LOOKS.iter().find(|(name, _)| *name == kind);
    let known = known.map_or(&[][..], |(_, fields)| fields);
    // A field that has to be there may be there already.
    let needed = |field: &Field| field.2 && !looks.contains_key(field.0);
    if let Some(field) = known
        .iter()
        .find(|field| needed(field) && !given.contains_key(field.0))
    {
        return Err(ApiError::body(
            &format!("{path}.{}", field.0),
            "defined",
            None,
        ));
    }
    let read = object(path, schema, known, &rest, false)?;
    for (key, value) in read {
        match value {
            Value::Null => looks.remove(&key),
            value => looks.insert(key, value),
        };
    }
    if let Some(lines) = looks
        .get_mut("reference_lines")
        .and_then(Value::as_array_mut)
    {
        for line in lines.iter_mut().filter(|line| line.get("id").is_none()) {
            line["id"] = json!(world.ids.next_uuid().to_string());
        }
    }
    Ok(())
}

fn object(
    path: &str,
    schema: &[Property],
    known: &[Field],
    given: &Map<String, Value>,
    whole: bool,
) -> ApiResult<Map<String, Value>> {
    let missing = |field: &&Field| whole && field.2 && !given.contains_key(field.0);
    if let Some(field) = known.iter().find(missing) {
        return Err(ApiError::body(
            &format!("{path}.{}", field.0),
            "defined",
            None,
        ));
    }
    let read = |(key, value): (&String, &Value)| {
        let path = format!("{path}.{key}");
        let field = known.iter().find(|field| field.0 == key);
        let field = field.ok_or_else(|| ApiError::body(&path, "not present", Some(value)))?;
        let value = match value {
            Value::Null if !field.2 => Value::Null,
            value => value_of(&path, schema, field.1, value)?,
        };
        Ok((key.clone(), value))
    };
    given.iter().map(read).collect()
}

fn value_of(path: &str, schema: &[Property], rule: Rule, given: &Value) -> ApiResult<Value> {
    let refuse = |expected: &str| Err(ApiError::body(path, expected, Some(given)));
    match rule {
        Flag if !given.is_boolean() => return refuse("a boolean"),
        Number if !given.is_number() => return refuse("a number"),
        Words if !given.is_string() => return refuse("a string"),
        Whole(least) if given.as_i64().is_none_or(|number| number < least) => {
            let bound = format!("an integer ≥ `{least}`");
            return refuse(if least == i64::MIN {
                "an integer"
            } else {
                &bound
            });
        }
        Choice(choices) if given.as_str().is_none_or(|one| !choices.contains(&one)) => {
            let names: Vec<String> = choices.iter().map(|one| format!("`\"{one}\"`")).collect();
            let (last, others) = names
                .split_last()
                .map_or(("", &[][..]), |(l, o)| (l.as_str(), o));
            return refuse(&match others.len() {
                0 => last.to_owned(),
                1 => format!("{} or {last}", others[0]),
                _ => format!("{}, or {last}", others.join(", ")),
            });
        }
        Column => {
            let Some(key) = given.as_str() else {
                return refuse("a string");
            };
            let at = property::find(schema, key).ok_or_else(|| unknown_property(key))?;
            return Ok(json!(schema[at].id));
        }
        Object(known) => match given.as_object() {
            Some(given) => return Ok(Value::Object(object(path, schema, known, given, true)?)),
            None => return refuse("an object"),
        },
        Objects(known) => {
            let Some(items) = given.as_array() else {
                return refuse("an array");
            };
            limit::count(path, limit::ARRAY_ITEMS, items.len())?;
            let read = |(at, item): (usize, &Value)| {
                value_of(&format!("{path}[{at}]"), schema, Object(known), item)
            };
            return items.iter().enumerate().map(read).collect();
        }
        _ => {}
    }
    Ok(given.clone())
}

/// Adds the names of the properties that a configuration names by id.
pub(crate) fn name_properties(looks: &mut Map<String, Value>, schema: &[Property]) {
    let name = |id: &Value| {
        let at = property::find(schema, id.as_str()?)?;
        Some(json!(schema[at].name()))
    };
    for (key, shown) in [
        ("date_property_id", "date_property_name"),
        ("end_date_property_id", "end_date_property_name"),
        ("map_by", "map_by_property_name"),
    ] {
        if let Some(name) = looks.get(key).and_then(name) {
            looks.insert(shown.into(), name);
        }
    }
    for key in ["group_by", "sub_group_by", "x_axis", "stack_by"] {
        if let Some(group) = looks.get_mut(key)
            && let Some(name) = name(&group["property_id"])
        {
            group["property_name"] = name;
        }
    }
    for key in ["properties", "table_properties"] {
        let columns = looks.get_mut(key).and_then(Value::as_array_mut);
        for column in columns.into_iter().flatten() {
            if let Some(name) = name(&column["property_id"]) {
                column["property_name"] = name;
            }
        }
    }
}
