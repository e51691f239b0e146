//! Data sources of any size for measurements: the same rows for the same arguments.

use jiff::{SignedDuration, ToSpan};
use serde_json::{Map, Value, json};

use crate::front::Simulation;
use crate::ids::{IdSource, parse_id};
use crate::model::edit::PageChange;
use crate::model::row::Parent;
use crate::sim::{SimError, create_data_source};

const STAGES: [&str; 3] = ["Not started", "In progress", "Done"];
const TEAMS: [&str; 4] = ["North", "South", "East", "West"];
const TAGS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
const WORDS: [&str; 8] = [
    "harbour", "lantern", "meadow", "copper", "signal", "orchard", "granite", "willow",
];

/// Makes a data source with 16 properties of mixed types and `rows` pages, one created per second
/// up to now.
pub(crate) fn mixed16(
    simulation: &mut Simulation,
    title: &str,
    rows: usize,
) -> Result<String, SimError> {
    let schema = json!({
        "Name": {"title": {}}, "Summary": {"rich_text": {}}, "Notes": {"rich_text": {}},
        "Owner": {"rich_text": {}}, "Estimate": {"number": {}}, "Budget": {"number": {"format": "euro"}},
        "Done": {"checkbox": {}}, "Team": {"select": {}}, "Stage": {"status": {}},
        "Tags": {"multi_select": {}}, "Due": {"date": {}}, "Link": {"url": {}}, "Mail": {"email": {}},
        "Phone": {"phone_number": {}}, "Created": {"created_time": {}}, "Number": {"unique_id": {"prefix": "ROW"}},
    });
    let id = create_data_source(simulation, title, &schema)?;
    let Some(source) = parse_id(&id) else {
        return Ok(id);
    };
    let world = &mut simulation.world;
    let end = world.now;
    let author = world.bot;
    let mut random = IdSource::new(rows as u64);
    for row in 0..rows {
        let age = SignedDuration::from_secs(i64::try_from(rows - row).unwrap_or(0));
        world.now = end.checked_sub(age).unwrap_or(end);
        let change = PageChange {
            properties: Some(values(row, &mut random)),
            ..PageChange::default()
        };
        world.create_page(Parent::DataSource(source), change, author)?;
    }
    world.now = end;
    Ok(id)
}

fn values(row: usize, random: &mut IdSource) -> Map<String, Value> {
    let mut pick = |of: usize| usize::try_from(random.next_word() % of as u64).unwrap_or(0);
    let mut sentence = |words: usize| {
        let chosen: Vec<&str> = (0..words).map(|_| WORDS[pick(WORDS.len())]).collect();
        chosen.join(" ")
    };
    let (summary, notes, owner) = (sentence(8), sentence(20), sentence(2));
    let day = jiff::civil::date(2026, 1, 1)
        .checked_add((pick(365) as i64).days())
        .unwrap_or(jiff::civil::date(2026, 1, 1));
    let tags: Vec<Value> = (0..pick(4))
        .map(|_| json!({"name": TAGS[pick(TAGS.len())]}))
        .collect();
    let text = |content: &str| json!([{"text": {"content": content}}]);
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.into(), value);
    put("Name", json!({"title": text(&format!("Row {row}"))}));
    put("Summary", json!({"rich_text": text(&summary)}));
    put("Notes", json!({"rich_text": text(&notes)}));
    put("Owner", json!({"rich_text": text(&owner)}));
    put("Estimate", json!({"number": pick(100)}));
    put("Budget", json!({"number": pick(1_000_000) as f64 / 100.0}));
    put("Done", json!({"checkbox": pick(2) == 0}));
    put(
        "Team",
        json!({"select": {"name": TEAMS[pick(TEAMS.len())]}}),
    );
    put(
        "Stage",
        json!({"status": {"name": STAGES[pick(STAGES.len())]}}),
    );
    put("Tags", json!({"multi_select": tags}));
    put("Due", json!({"date": {"start": day.to_string()}}));
    put(
        "Link",
        json!({"url": format!("https://example.com/rows/{row}")}),
    );
    put("Mail", json!({"email": format!("row{row}@example.com")}));
    put("Phone", json!({"phone_number": format!("+49 30 {row:07}")}));
    out
}
