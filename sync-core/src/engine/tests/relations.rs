//! References between records: through pairs of the same link and of other links of the store.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::world::{is_live, text};
use crate::engine::{Described, Engine, Report, RunOptions, VerifyOptions};
use crate::link::{
    Direction, Lens, LinkId, LinkSpec, MappedField, Mapping, Neighbour, Policy, Side, Sides,
};
use crate::pair::RecordState;
use crate::plan::Guard;
use crate::port::{Call, Cancel, Clock, CommandKind, Peer, PlaceId};
use crate::record::Key;
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Relation, Schema};
use crate::testkit::{Fault, MemoryPeer, MemoryStore, VirtualClock};
use crate::value::{Reference, Value};

/// Two collections on each side, "tasks" and "projects", and one store for both links.
pub(super) struct World {
    pub(super) clock: VirtualClock,
    pub(super) store: MemoryStore,
    pub(super) tasks: Linked,
    pub(super) projects: Linked,
}

pub(super) struct Linked {
    pub(super) notion: MemoryPeer,
    pub(super) local: MemoryPeer,
    pub(super) spec: LinkSpec,
}

fn relation(collection: &str, mirror: Option<&str>) -> FieldType {
    FieldType::Relation(Relation {
        target: PlaceId::new(collection),
        mirror: mirror.map(FieldId::new),
    })
}

fn schema(fields: Vec<(&str, FieldType)>) -> Schema {
    let field = |(id, ty): (&str, FieldType)| Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access: Access::Writable,
        limits: Limits::default(),
    };
    Schema {
        title: "Tasks".into(),
        fields: fields.into_iter().map(field).collect(),
    }
}

pub(super) fn to(keys: &[&Key]) -> Value {
    let references = keys.iter().map(|key| Reference::new((*key).clone()));
    Value::references(references.collect())
}

impl Linked {
    fn new(
        name: &str,
        clock: &VirtualClock,
        fields: impl Fn(&str) -> Vec<(&'static str, FieldType)>,
    ) -> Self {
        let place = |side: &str| format!("{side}:{name}");
        let lag = Duration::ZERO;
        let schemas = ["notion", "sql"].map(|side| schema(fields(side)));
        let [left, right] = schemas;
        let mapped = left.fields.iter().map(|field| {
            let lens = match field.ty {
                FieldType::Relation(_) => Lens::References,
                _ => Lens::Identity,
            };
            MappedField::new(Sides::new(field.id.clone(), field.id.clone()), lens)
        });
        let fields: Vec<MappedField> = mapped.collect();
        let notion = MemoryPeer::notion_like(&place("notion"), left, clock.clone(), lag);
        let local = MemoryPeer::sql_like(&place("sql"), right, clock.clone());
        let spec = LinkSpec {
            id: LinkId::new(name),
            places: Sides::new(notion.place().clone(), local.place().clone()),
            names: Sides::new("Notion".into(), "SQL".into()),
            mapping: Mapping {
                fields,
                ..Mapping::default()
            },
            filters: Sides::default(),
            policy: Policy::default(),
        };
        Self {
            notion,
            local,
            spec,
        }
    }

    fn peer(&self, side: Side) -> &MemoryPeer {
        match side {
            Side::Left => &self.notion,
            Side::Right => &self.local,
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let clock = VirtualClock::default();
        let tasks = Linked::new("tasks", &clock, |side| {
            let own = format!("{side}:tasks");
            vec![
                ("title", FieldType::Title),
                ("parent", relation(&own, None)),
                ("project", relation(&format!("{side}:projects"), None)),
            ]
        });
        let projects = Linked::new("projects", &clock, |_| vec![("title", FieldType::Title)]);
        Self {
            clock,
            store: MemoryStore::default(),
            tasks,
            projects,
        }
    }

    fn engine(&self, linked: &Linked) -> Engine {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let described = Sides::from_fn(|side| Described {
            description: block_on(linked.peer(side).describe(&call)).unwrap(),
            at: self.clock.now(),
        });
        let peers = Sides::from_fn(|side| Arc::new(linked.peer(side).clone()) as Arc<dyn Peer>);
        let neighbours = [&self.tasks, &self.projects].map(|linked| Neighbour {
            link: linked.spec.id.clone(),
            places: linked.spec.places.clone(),
        });
        Engine::new(
            linked.spec.clone(),
            described,
            peers,
            Arc::new(self.store.clone()),
            Arc::new(self.clock.clone()),
        )
        .neighbours(neighbours.to_vec())
    }

    pub(super) fn run(&self, linked: &Linked) -> Report {
        let options = RunOptions {
            full: true,
            ..RunOptions::default()
        };
        let report = block_on(self.engine(linked).run(&options)).unwrap();
        self.clock.advance(Duration::from_secs(61));
        report
    }

    /// Runs both links until nothing moves, and checks that both sides of both account for it.
    pub(super) fn settle(&self) {
        for _ in 0..3 {
            self.run(&self.projects);
            self.run(&self.tasks);
        }
        for linked in [&self.projects, &self.tasks] {
            let report = self.run(linked);
            assert!(report.is_quiet(), "{report:?}");
            let verified = block_on(self.engine(linked).verify(&VerifyOptions::default())).unwrap();
            assert!(verified.is_in_agreement(), "{verified:?}");
        }
    }

    pub(super) fn partner(&self, linked: &Linked, side: Side, key: &Key) -> Key {
        let memory = self.store.memory(&linked.spec.id);
        let mut pairs = memory.pairs();
        let pair = pairs.find(|pair| pair.sides[side].key.as_ref() == Some(key));
        let other = pair.expect("the record has a pair").sides[side.other()]
            .key
            .clone();
        other.expect("the pair is whole")
    }

    /// What a reference field holds on the other side, as keys of this one.
    pub(super) fn shown(&self, side: Side, task: &Key, field: &str) -> Vec<Key> {
        let there = self.partner(&self.tasks, side, task);
        let linked = if field == "project" {
            &self.projects
        } else {
            &self.tasks
        };
        match self.tasks.peer(side.other()).value(&there, field) {
            Some(Value::References(references)) => references
                .iter()
                .map(|reference| self.partner(linked, side.other(), reference.key()))
                .collect(),
            _ => Vec::new(),
        }
    }
}

pub(super) fn task(world: &World, side: Side, name: &str, cells: &[(&str, Value)]) -> Key {
    let mut all = vec![("title", text(name))];
    all.extend(cells.iter().cloned());
    world.tasks.peer(side).person_creates(&all)
}

pub(super) fn project(world: &World, side: Side, name: &str) -> Key {
    world
        .projects
        .peer(side)
        .person_creates(&[("title", text(name))])
}

#[test]
fn a_reference_arrives_as_one_to_the_counterpart() {
    for side in Side::BOTH {
        let world = World::new();
        let wine = project(&world, side, "wine");
        world.run(&world.projects);
        let buy = task(&world, side, "buy", &[("project", to(&[&wine]))]);
        world.settle();
        assert_eq!(world.shown(side, &buy, "project"), [wine]);
    }
}

#[test]
fn pain_02_an_edit_of_the_other_side_keeps_references_nobody_tracks() {
    let world = World::new();
    let (wine, beer) = (
        project(&world, Side::Left, "wine"),
        project(&world, Side::Left, "beer"),
    );
    world.run(&world.projects);
    let stranger = Key::durable("elsewhere");
    let buy = task(
        &world,
        Side::Left,
        "buy",
        &[("project", to(&[&wine, &stranger]))],
    );
    world.settle();
    assert_eq!(
        world.shown(Side::Left, &buy, "project"),
        std::slice::from_ref(&wine)
    );
    let row = world.partner(&world.tasks, Side::Left, &buy);
    let there = [&wine, &beer].map(|key| world.partner(&world.projects, Side::Left, key));
    world
        .tasks
        .local
        .person_sets(&row, "project", to(&[&there[0], &there[1]]));
    world.settle();
    let page = world.tasks.notion.value(&buy, "project");
    assert_eq!(page, Some(to(&[&wine, &stranger, &beer])));
}

#[test]
fn records_are_made_after_those_they_refer_to_with_one_command_each() {
    let world = World::new();
    let root = task(&world, Side::Right, "root", &[]);
    let mut last = root.clone();
    for n in 0..3 {
        last = task(
            &world,
            Side::Right,
            &format!("leaf {n}"),
            &[("parent", to(&[&last]))],
        );
    }
    world.run(&world.tasks);
    let commands = world.tasks.notion.take_mutations();
    let kinds: Vec<_> = commands.iter().map(|command| command.kind).collect();
    assert_eq!(kinds, [CommandKind::Create; 4]);
    world.settle();
    assert_eq!(world.shown(Side::Right, &last, "parent").len(), 1);
}

#[test]
fn a_circle_is_made_without_and_closed_afterwards() {
    for side in Side::BOTH {
        let world = World::new();
        let names = ["a", "b", "c"];
        let keys = names.map(|name| task(&world, side, name, &[]));
        for at in 0..3 {
            let next = to(&[&keys[(at + 1) % 3]]);
            world
                .tasks
                .peer(side)
                .person_sets(&keys[at], "parent", next);
        }
        let itself = task(&world, side, "itself", &[]);
        world
            .tasks
            .peer(side)
            .person_sets(&itself, "parent", to(&[&itself]));
        let report = world.run(&world.tasks);
        assert_eq!(report.settled[side.other()].created, 4);
        for at in 0..3 {
            let next = &keys[(at + 1) % 3];
            assert_eq!(
                world.shown(side, &keys[at], "parent"),
                std::slice::from_ref(next)
            );
        }
        assert_eq!(
            world.shown(side, &itself, "parent"),
            std::slice::from_ref(&itself)
        );
        assert!(world.run(&world.tasks).is_quiet(), "in one run");
        world.settle();
    }
}

#[test]
fn a_long_chain_is_made_in_one_run_however_long() {
    let world = World::new();
    let mut last = task(&world, Side::Right, "root", &[]);
    for n in 0..40 {
        last = task(
            &world,
            Side::Right,
            &format!("{n}"),
            &[("parent", to(&[&last]))],
        );
    }
    let report = world.run(&world.tasks);
    assert_eq!(report.settled.left.created, 41);
    world.settle();
    assert_eq!(world.shown(Side::Right, &last, "parent").len(), 1);
}

#[test]
fn a_reference_to_another_link_follows_when_that_one_has_run() {
    for side in Side::BOTH {
        let world = World::new();
        let wine = project(&world, side, "wine");
        let buy = task(&world, side, "buy", &[("project", to(&[&wine]))]);
        world.run(&world.tasks);
        assert_eq!(world.shown(side, &buy, "project"), [], "not known yet");
        assert!(world.run(&world.tasks).is_quiet());
        world.run(&world.projects);
        world.run(&world.tasks);
        assert_eq!(world.shown(side, &buy, "project"), [wine]);
        world.settle();
    }
}

#[test]
fn an_edit_made_before_a_target_was_known_does_not_erase_the_reference_to_it() {
    let world = World::new();
    let (wine, beer) = (
        project(&world, Side::Left, "wine"),
        project(&world, Side::Right, "beer"),
    );
    let buy = task(&world, Side::Left, "buy", &[("project", to(&[&wine]))]);
    world.run(&world.tasks);
    let row = world.partner(&world.tasks, Side::Left, &buy);
    // The row never showed wine; the person adds beer, and only then wine becomes known.
    world.tasks.local.person_sets(&row, "project", to(&[&beer]));
    world.settle();
    let beer_page = world.partner(&world.projects, Side::Right, &beer);
    let mut shown = world.shown(Side::Left, &buy, "project");
    shown.sort();
    let mut both = vec![wine, beer_page];
    both.sort();
    assert_eq!(shown, both);
}

#[test]
fn f06_references_edited_on_both_sides_merge() {
    let world = World::new();
    let all = ["a", "b", "c"].map(|name| project(&world, Side::Left, name));
    world.run(&world.projects);
    let there = all
        .each_ref()
        .map(|key| world.partner(&world.projects, Side::Left, key));
    let page = task(&world, Side::Left, "buy", &[("project", to(&[&all[0]]))]);
    world.settle();
    let row = world.partner(&world.tasks, Side::Left, &page);
    world
        .tasks
        .notion
        .person_sets(&page, "project", to(&[&all[0], &all[1]]));
    world
        .tasks
        .local
        .person_sets(&row, "project", to(&[&there[2]]));
    world.settle();
    let mut shown = world.shown(Side::Left, &page, "project");
    shown.sort();
    assert_eq!(shown, [all[1].clone(), all[2].clone()], "b and c in, a out");
}

#[test]
fn a_reference_waits_for_a_record_whose_create_is_held_up_and_nothing_else_does() {
    let world = World::new();
    let held = task(&world, Side::Right, "held", &[]);
    world.tasks.notion.inject([Fault::Reject]);
    world.run(&world.tasks);
    let leaf = task(&world, Side::Right, "leaf", &[("parent", to(&[&held]))]);
    world.run(&world.tasks);
    let page = world.partner(&world.tasks, Side::Right, &leaf);
    assert_eq!(world.tasks.notion.value(&page, "title"), Some(text("leaf")));
    let memory = world.store.memory(&world.tasks.spec.id);
    let mut pairs = memory.pairs();
    let pair = pairs
        .find(|pair| pair.sides.right.key.as_ref() == Some(&leaf))
        .unwrap();
    let standing = pair.standing.as_ref().unwrap();
    assert_eq!(standing.state, RecordState::Blocked);
    assert!(
        standing.reason.contains("not on the other side yet"),
        "{}",
        standing.reason
    );
    // Its create is let through once its title is another one.
    world
        .tasks
        .local
        .person_sets(&held, "title", text("let go"));
    world.settle();
    assert_eq!(world.shown(Side::Right, &leaf, "parent"), [held]);
}

#[test]
fn a_mirror_of_a_mapped_relation_is_shown_and_never_written() {
    let clock = VirtualClock::default();
    let mut world = World::new();
    world.clock = clock.clone();
    world.tasks = Linked::new("tasks", &clock, |side| {
        let mirrored = side == "notion";
        let own = format!("{side}:tasks");
        vec![
            ("title", FieldType::Title),
            ("parent", relation(&own, mirrored.then_some("children"))),
            ("children", relation(&own, mirrored.then_some("parent"))),
        ]
    });
    let up = task(&world, Side::Left, "up", &[]);
    let down = task(&world, Side::Left, "down", &[("parent", to(&[&up]))]);
    world
        .tasks
        .notion
        .person_sets(&up, "children", to(&[&down]));
    world.run(&world.tasks);
    world.run(&world.tasks);
    assert_eq!(
        world.shown(Side::Left, &up, "children"),
        std::slice::from_ref(&down)
    );
    world.tasks.notion.take_mutations();
    let row = world.partner(&world.tasks, Side::Left, &up);
    world
        .tasks
        .local
        .person_sets(&row, "children", Value::Empty);
    world.run(&world.tasks);
    world.run(&world.tasks);
    assert_eq!(
        world.tasks.notion.take_mutations(),
        [],
        "the mirror is nobody's to write"
    );
    assert_eq!(world.shown(Side::Left, &up, "children"), [down]);
}

#[test]
fn guard_relation_target_refuses_fields_that_point_at_unlike_collections_until_they_do_not() {
    let world = World::new();
    let wine = project(&world, Side::Left, "wine");
    world.run(&world.projects);
    world.tasks.local.change_schema(|schema| {
        schema.fields[2].ty = relation("sql:tasks", None);
    });
    let buy = task(&world, Side::Left, "buy", &[("project", to(&[&wine]))]);
    let report = world.run(&world.tasks);
    assert!(report.raised(Guard::RelationTarget) > 0, "{report:?}");
    let row = world.partner(&world.tasks, Side::Left, &buy);
    assert_eq!(
        world.tasks.local.value(&row, "title"),
        Some(text("buy")),
        "the rest goes on"
    );
    world.tasks.local.change_schema(|schema| {
        schema.fields[2].ty = relation("sql:projects", None);
    });
    let options = RunOptions {
        full: true,
        approved: [Guard::SchemaDrift].into(),
        ..RunOptions::default()
    };
    block_on(world.engine(&world.tasks).run(&options)).unwrap();
    world.settle();
    assert_eq!(world.shown(Side::Left, &buy, "project"), [wine]);
}

/// A page among ten that moved from the tasks to the projects, and its row among the tasks.
fn moved() -> (World, Key, Key) {
    let world = World::new();
    for n in 0..9 {
        task(&world, Side::Left, &format!("other {n}"), &[]);
    }
    let page = task(&world, Side::Left, "grows up", &[]);
    world.settle();
    let row = world.partner(&world.tasks, Side::Left, &page);
    world
        .tasks
        .notion
        .person_moves(&page, &world.projects.notion);
    (world, page, row)
}

#[test]
fn r11_a_record_that_moved_to_a_linked_collection_leaves_no_copy_behind() {
    let (world, page, row) = moved();
    world.run(&world.tasks);
    assert!(is_live(&world.tasks.local, &row), "it has not arrived yet");
    world.settle();
    assert!(!is_live(&world.tasks.local, &row));
    let arrived = world.partner(&world.projects, Side::Left, &page);
    assert_eq!(
        world.projects.local.value(&arrived, "title"),
        Some(text("grows up"))
    );
}

#[test]
fn r11_an_edited_copy_of_a_record_that_moved_stays() {
    let (world, _, row) = moved();
    world.tasks.local.person_sets(&row, "title", text("edited"));
    for _ in 0..3 {
        world.run(&world.projects);
        world.run(&world.tasks);
    }
    assert!(is_live(&world.tasks.local, &row));
    assert_eq!(world.tasks.local.value(&row, "title"), Some(text("edited")));
}

#[test]
fn e09_a_dry_run_plans_references_and_writes_nothing() {
    let world = World::new();
    let wine = project(&world, Side::Right, "wine");
    world.run(&world.projects);
    let root = task(&world, Side::Right, "root", &[("project", to(&[&wine]))]);
    task(&world, Side::Right, "leaf", &[("parent", to(&[&root]))]);
    let before = world.store.serial();
    let plan = block_on(world.engine(&world.tasks).plan(&RunOptions::default())).unwrap();
    assert_eq!(world.store.serial(), before);
    assert_eq!(plan.counts.create.left, 2, "both, whatever is made first");
    assert_eq!(plan.counts.follow_up.left, 1);
    assert_eq!(plan.estimate.requests, 3, "no more than that");
    let page = world.partner(&world.projects, Side::Right, &wine);
    let mut commands = plan.listed().map(|(_, listed)| &listed.command);
    let first = commands.next().unwrap();
    let field = first
        .fields
        .iter()
        .find(|field| field.name.as_str() == "project");
    assert_eq!(field.unwrap().desired, to(&[&page]));
}

#[test]
fn one_way_references_that_come_late_are_filled_in_on_the_way_they_flow() {
    let mut world = World::new();
    world.tasks.spec.policy.direction = Direction::Toward(Side::Right);
    let wine = project(&world, Side::Left, "wine");
    let buy = task(&world, Side::Left, "buy", &[("project", to(&[&wine]))]);
    world.run(&world.tasks);
    world.run(&world.projects);
    world.run(&world.tasks);
    assert_eq!(world.shown(Side::Left, &buy, "project"), [wine]);
}
