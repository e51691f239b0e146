//! Somebody else's table as a side of a link, run by the real engine against a notion-like peer.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, Report, RunOptions, UndoOptions};
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Policy, Sides};
use notion_sync_core::plan::{Guard, WhyNot};
use notion_sync_core::port::{Clock, DeleteKind, Peer};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::testkit::decorators::{Faulty, Mishap};
use notion_sync_core::testkit::{Entropy, MemoryPeer, VirtualClock};
use notion_sync_core::value::{RichText, Run, Style, Value};
use notion_sync_sqlite::{SqliteStore, SqliteTable, SqliteTableBuilder, StoreOptions};
use tables::*;

struct World {
    shop: Shop,
    notion: MemoryPeer,
    table: Arc<Faulty<SqliteTable>>,
    /// The table without mishaps.
    calm: SqliteTable,
    store: SqliteStore,
    clock: VirtualClock,
    match_by: Vec<FieldId>,
    /// How many fields both sides have.
    fields: usize,
}

fn schema() -> Schema {
    let field = |id: &str, name: &str, ty| Field {
        id: FieldId::new(id),
        name: name.to_owned(),
        ty,
        access: Access::Writable,
        limits: Limits::default(),
    };
    Schema {
        title: "Books".into(),
        fields: vec![
            field("title", "Name", FieldType::Title),
            field("p1", "In stock", FieldType::Checkbox),
            field("p2", "Price", FieldType::Number),
        ],
    }
}

const BOOKS: &str = "CREATE TABLE books(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,
    in_stock BOOLEAN, price REAL, shelf TEXT DEFAULT 'none', deleted_at DATETIME);";

/// A link with ten books in the table, most of them only there so that no guard finds a delete large.
impl World {
    fn new(is_captured: bool, builder: impl Fn(SqliteTableBuilder) -> SqliteTableBuilder) -> Self {
        let shop = Shop::new(BOOKS);
        for n in 0..10 {
            shop.run(&format!(
                "INSERT INTO books(name, price) VALUES ('book {n}', {n})"
            ));
        }
        let table = builder(shop.builder("books")).build().unwrap();
        if is_captured {
            block_on(table.start_capture()).unwrap();
        }
        let clock = VirtualClock::default();
        // The file of the table is the file of the store.
        let store = SqliteStore::open(shop.path(), StoreOptions::default()).unwrap();
        Self {
            notion: MemoryPeer::notion_like("notion", schema(), clock.clone(), Duration::ZERO),
            table: Arc::new(Faulty::new(table)),
            calm: builder(shop.builder("books")).build().unwrap(),
            shop,
            store,
            clock,
            match_by: Vec::new(),
            fields: 3,
        }
    }

    fn captured() -> Self {
        Self::new(true, |builder| builder)
    }

    fn all() -> [Self; 4] {
        let soft = |builder: SqliteTableBuilder| builder.soft_delete("deleted_at");
        [
            Self::captured(),
            Self::new(false, |builder| builder),
            Self::new(true, soft),
            Self::new(false, soft),
        ]
    }

    /// An engine that may delete rows for good.
    fn engine(&self) -> Engine {
        let mut policy = Policy::default();
        policy.hard_deletes = true;
        self.engine_by(policy)
    }

    fn engine_by(&self, policy: Policy) -> Engine {
        let left: Arc<dyn Peer> = Arc::new(self.notion.clone());
        let right: Arc<dyn Peer> = self.table.clone();
        let at = self.clock.now();
        let described = Sides::new(describe(&*left), describe(&self.calm));
        let schemas = described.as_ref().map(|side| &side.schema);
        let mut mapping = Mapping::by_name(schemas.left, schemas.right);
        assert_eq!(mapping.fields.len(), self.fields);
        mapping.markers.right = Some(SqliteTable::marker_field());
        mapping.match_by.clone_from(&self.match_by);
        let spec = LinkSpec {
            id: LinkId::new("books"),
            places: Sides::new(left.place().clone(), right.place().clone()),
            names: Sides::new("Notion".into(), "SQLite".into()),
            mapping,
            filters: Sides::default(),
            policy,
        };
        Engine::new(
            spec,
            described.map(|description| Described { description, at }),
            Sides::new(left, right),
            Arc::new(self.store.clone()),
            Arc::new(self.clock.clone()),
        )
    }

    fn is_soft(&self) -> bool {
        describe(&self.calm).capabilities.delete == DeleteKind::Soft
    }

    fn try_run(&self) -> Option<Report> {
        let report = block_on(self.engine().run(&RunOptions::default())).ok();
        self.clock.advance(Duration::from_secs(25 * 3600));
        report
    }

    fn run(&self) -> Report {
        self.try_run().unwrap()
    }

    fn rows(&self) -> Vec<String> {
        let sql = "SELECT name || '|' || (coalesce(in_stock, 0) <> 0) || '|' || coalesce(price, '')
                   FROM books WHERE deleted_at IS NULL ORDER BY 1";
        let mut statement = self.shop.person.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn pages(&self) -> Vec<String> {
        let mut pages: Vec<String> = self
            .notion
            .live()
            .iter()
            .map(|page| {
                let value = |id| page.cells.complete(&FieldId::new(id)).cloned();
                let ticked = value("p1") == Some(Value::Bool(true));
                let price = match value("p2") {
                    Some(Value::Number(price)) => format!("{:?}", price.to_f64().0),
                    _ => String::new(),
                };
                let name = value("title").unwrap().display();
                format!("{name}|{}|{price}", i32::from(ticked))
            })
            .collect();
        pages.sort();
        pages
    }

    fn same(&self) {
        assert_eq!(self.rows(), self.pages());
    }

    /// The page that has this title.
    fn page(&self, name: &str) -> Key {
        let title = FieldId::new("title");
        let pages = self.notion.records();
        let mut pages = pages.iter();
        let page = pages.find(|page| page.cells.complete(&title).unwrap().display() == name);
        page.unwrap().key.clone()
    }
}

#[test]
fn pain_11_a_table_and_a_data_source_become_the_same_and_nothing_goes_back_and_forth() {
    for world in World::all() {
        world
            .notion
            .person_creates(&[("title", Value::text("Emma"))]);
        let report = world.run();
        assert_eq!(
            (report.settled.left.created, report.settled.right.created),
            (10, 1)
        );
        world.same();
        assert!(world.run().is_quiet(), "what sync wrote itself is no edit");

        world
            .shop
            .run("UPDATE books SET price = 8 WHERE name = 'Emma'");
        let page = world.page("Emma");
        world.notion.person_sets(&page, "p1", Value::Bool(true));
        world.shop.run("INSERT INTO books(name) VALUES ('Dune')");
        let report = world.run();
        assert_eq!(
            (report.settled.left.total(), report.settled.right.total()),
            (2, 1)
        );
        world.same();
        assert!(world.run().is_quiet());
        let shelves = "SELECT group_concat(DISTINCT shelf) FROM books";
        assert_eq!(
            world.shop.ask(shelves).as_deref(),
            Some("none"),
            "its defaults count"
        );
    }
}

/// A title in Notion is formatted, the column that is called one is not.
#[test]
fn a_column_that_is_a_title_goes_both_ways_and_costs_no_formatting() {
    let world = World::new(true, |builder| builder.column("name", FieldType::Title));
    world.run();
    let page = world.page("book 1");
    let text = RichText::new([Run {
        style: Style {
            bold: true,
            ..Style::default()
        },
        ..Run::plain("Emma")
    }]);
    world
        .notion
        .person_sets(&page, "title", Value::rich_text(text));
    world
        .shop
        .run("UPDATE books SET name = 'Dune' WHERE name = 'book 2'");
    let report = world.run();
    assert_eq!(report.open_conflicts, 0);
    world.same();
    world
        .shop
        .run("UPDATE books SET name = 'Emma!' WHERE name = 'Emma'");
    world.run();
    world.same();
    let page = world.notion.record(&page).unwrap();
    let title = page.cells.complete(&FieldId::new("title")).unwrap();
    let Value::RichText(title) = title else {
        panic!("{title:?}");
    };
    assert!(title.runs()[0].style.bold);
    assert!(world.run().is_quiet());
}

#[test]
fn what_is_deleted_goes_and_what_is_restored_comes_back() {
    for world in World::all() {
        world.run();
        let is_soft = world.is_soft();
        world.shop.run(match is_soft {
            true => "UPDATE books SET deleted_at = CURRENT_TIMESTAMP WHERE name = 'book 1'",
            false => "DELETE FROM books WHERE name = 'book 1'",
        });
        let second = world.page("book 2");
        world.notion.person_trashes(&second, true);
        let report = world.run();
        assert_eq!(
            (report.settled.left.trashed, report.settled.right.trashed),
            (1, 1)
        );
        assert_eq!(world.rows().len(), 8);
        world.same();
        assert!(world.run().is_quiet());

        let first = world.page("book 1");
        for page in [first, second] {
            world.notion.person_trashes(&page, false);
        }
        world.run();
        world.run();
        assert_eq!(world.rows().len(), 10, "soft: {is_soft}");
        world.same();
        assert!(world.run().is_quiet());
    }
}

#[test]
fn a_row_that_could_not_come_back_stays_unless_the_policy_lets_it_go() {
    for world in World::all() {
        world.run();
        world
            .shop
            .run("UPDATE books SET shelf = 'mine alone' WHERE name = 'book 2'");
        world.notion.person_trashes(&world.page("book 2"), true);
        let engine = world.engine_by(Policy::default());
        let report = block_on(engine.run(&RunOptions::default())).unwrap();
        let shelf = "SELECT shelf FROM books WHERE name = 'book 2'";
        assert_eq!(world.shop.ask(shelf).as_deref(), Some("mine alone"));
        let guards: Vec<Guard> = report
            .refusals
            .iter()
            .map(|refusal| refusal.guard)
            .collect();
        match world.is_soft() {
            true => assert_eq!((report.settled.right.trashed, guards), (1, Vec::new())),
            false => assert_eq!(
                (report.settled.right.trashed, guards),
                (0, vec![Guard::HardDelete])
            ),
        }
        // Somebody deletes it there, and that is that.
        world.shop.run("DELETE FROM books WHERE name = 'book 2'");
        let engine = world.engine_by(Policy::default());
        let report = block_on(engine.run(&RunOptions::default())).unwrap();
        assert!(report.refusals.is_empty(), "{report:?}");
    }
}

#[test]
fn an_edit_beats_a_delete_though_the_row_is_gone() {
    for world in World::all() {
        world.run();
        world.shop.run("DELETE FROM books WHERE name = 'book 3'");
        let page = world.page("book 3");
        world
            .notion
            .person_sets(&page, "p2", Value::Number(33.into()));
        world.run();
        world.run();
        assert!(world.rows().contains(&"book 3|0|33.0".to_owned()));
        world.same();
        assert!(world.run().is_quiet());
    }
}

#[test]
fn an_undone_run_brings_a_row_back_or_tells_that_it_is_gone() {
    for world in World::all() {
        world.run();
        let page = world.page("book 4");
        world.notion.person_trashes(&page, true);
        world.run();
        assert_eq!(world.rows().len(), 9);
        let runs = block_on(world.store.runs(&LinkId::new("books"), 1)).unwrap();
        let undo = world.engine();
        let undone = block_on(undo.undo(runs[0].id, &UndoOptions::default())).unwrap();
        let kept = undone.not_undone.iter();
        let is_gone = kept.clone().any(|kept| kept.why == WhyNot::Gone);
        assert_eq!(kept.count(), usize::from(is_gone));
        assert!(!(is_gone && world.is_soft()), "a mark is taken back");
        let rows = if is_gone { 9 } else { 10 };
        world.clock.advance(Duration::from_secs(61));
        world.run();
        assert_eq!(world.rows().len(), rows);
        world.same();
    }
}

#[test]
fn records_both_sides_have_already_are_recognised() {
    let mut world = World::captured();
    world.match_by = vec![FieldId::new("title")];
    for n in 0..10 {
        let title = Value::text(format!("book {n}"));
        world
            .notion
            .person_creates(&[("title", title), ("p2", Value::Number(n.into()))]);
    }
    let report = world.run();
    assert_eq!(
        report.settled.left.total() + report.settled.right.total(),
        0
    );
    world.same();
    assert_eq!(world.rows().len(), 10);
}

#[test]
fn pain_10_a_create_whose_answer_is_lost_makes_no_second_row() {
    for mishap in [Mishap::LostAnswer, Mishap::LostRequest] {
        for world in World::all() {
            world.run();
            world
                .notion
                .person_creates(&[("title", Value::text("once"))]);
            // Calls of a run, until one is the create.
            for calls in 0..6 {
                let quiet = std::iter::repeat_n(None, calls);
                world.table.script(quiet.chain([Some(mishap)]));
                world.try_run();
            }
            world.table.script(std::iter::repeat_n(None, 64));
            world.run();
            world.run();
            assert_eq!(
                world
                    .rows()
                    .iter()
                    .filter(|row| row.starts_with("once"))
                    .count(),
                1
            );
            world.same();
        }
    }
}

#[test]
fn an_edited_key_is_to_the_other_side_one_page_gone_and_one_made() {
    let world = World::captured();
    world.run();
    let page = world.page("book 5");
    world
        .shop
        .run("UPDATE books SET id = 99 WHERE name = 'book 5'");
    world.run();
    world.same();
    assert_ne!(world.page("book 5"), page);
}

#[test]
fn a_row_that_replace_pushed_out_takes_its_page_with_it() {
    let world = World::captured();
    world.shop.run("CREATE UNIQUE INDEX names ON books(name)");
    block_on(world.shop.table("books").start_capture()).unwrap();
    world.run();
    world
        .shop
        .run("REPLACE INTO books(name, price) VALUES ('book 6', 66)");
    let report = world.run();
    assert_eq!(
        (report.settled.left.trashed, report.settled.left.created),
        (1, 1)
    );
    world.same();
}

/// Somebody does something somewhere.
/// What was in the former column is gone from the table only.
#[test]
fn pain_20_a_column_dropped_and_made_again_is_filled_from_the_other_side_and_clears_nothing() {
    let add = "ALTER TABLE books ADD COLUMN price REAL";
    for (away, is_seen_gone) in [
        ("ALTER TABLE books DROP COLUMN price", false),
        ("ALTER TABLE books RENAME COLUMN price TO former", false),
        ("ALTER TABLE books DROP COLUMN price", true),
    ] {
        let mut world = World::captured();
        world.run();
        let before = world.pages();
        world.shop.run(away);
        if is_seen_gone {
            world.fields = 2;
            world.run();
            world.fields = 3;
        }
        world.shop.run(add);
        world
            .shop
            .run("UPDATE books SET in_stock = 0 WHERE name = 'book 3'");
        world.run();
        assert_eq!(world.pages(), before, "{away}");
        world.same();
        world.shop.run("UPDATE books SET price = 77 WHERE name = 'book 4'; UPDATE books SET price = NULL WHERE name = 'book 5'");
        let whole = RunOptions {
            full: true,
            ..RunOptions::default()
        };
        block_on(world.engine().run(&whole)).unwrap();
        world.same();
        assert!(world.pages().contains(&"book 4|0|77.0".to_owned()));
        assert!(
            world.pages().contains(&"book 5|0|".to_owned()),
            "now it is an edit"
        );
        assert!(world.run().is_quiet());
    }
}

#[test]
fn an_engine_that_was_there_before_the_column_was_made_anew_clears_nothing_either() {
    let world = World::captured();
    let engine = world.engine();
    block_on(engine.run(&RunOptions::default())).unwrap();
    let before = world.pages();
    world.shop.run(
        "ALTER TABLE books DROP COLUMN price; ALTER TABLE books ADD COLUMN price REAL;
         UPDATE books SET in_stock = 0",
    );
    for full in [false, true] {
        let options = RunOptions {
            full,
            ..RunOptions::default()
        };
        block_on(engine.run(&options)).unwrap();
        assert_eq!(world.pages(), before);
    }
    world.run();
    assert_eq!(world.pages(), before);
    world.same();
}

fn deed(world: &World, entropy: &mut Entropy) {
    let n = entropy.below(14);
    let pages = world.notion.live();
    let page = pages.get(usize::try_from(n).unwrap() % pages.len().max(1));
    let id = world.shop.ask(&format!(
        "SELECT id FROM books WHERE deleted_at IS NULL ORDER BY id LIMIT 1 OFFSET {n}"
    ));
    let unique = entropy.below(1_000_000);
    match (entropy.below(9), page, id) {
        (0 | 1, Some(page), _) => {
            let price = Value::Number(i64::try_from(unique).unwrap().into());
            world.notion.person_sets(&page.key, "p2", price);
        }
        (2, ..) => {
            let title = Value::text(format!("page {unique}"));
            world.notion.person_creates(&[("title", title)]);
        }
        (3, Some(page), _) => world.notion.person_trashes(&page.key, true),
        (4 | 5, _, Some(id)) => world.shop.run(&format!(
            "UPDATE OR REPLACE books SET name = 'row {unique}' WHERE id = {id}"
        )),
        (6, ..) => world
            .shop
            .run(&format!("INSERT INTO books(name) VALUES ('row {unique}')")),
        (7, _, Some(id)) => world
            .shop
            .run(&format!("DELETE FROM books WHERE id = {id}")),
        (8, _, Some(id)) => world.shop.run(&format!(
            "REPLACE INTO books(id, name, price, in_stock)
               SELECT id, 'again {unique}', price, in_stock FROM books WHERE id = {id}"
        )),
        _ => {}
    }
}

#[test]
fn histories_of_edits_deletes_and_lost_answers_end_the_same_on_both_sides() {
    for seed in 0..24 {
        let worlds = World::all();
        let world = &worlds[usize::try_from(seed % 4).unwrap()];
        let mut entropy = Entropy::new(seed);
        world.run();
        for _ in 0..8 {
            world.table.seed(entropy.below(1 << 40), 150);
            for _ in 0..entropy.below(4) {
                deed(world, &mut entropy);
            }
            world.try_run();
        }
        world.table.seed(0, 0);
        for _ in 0..4 {
            world.run();
        }
        assert_eq!(world.rows(), world.pages(), "seed {seed}");
        assert!(world.run().is_quiet(), "seed {seed}");
    }
}
