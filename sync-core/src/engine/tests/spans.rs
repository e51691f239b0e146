//! What a run tells `tracing`: the documented spans, and nothing of anybody's data.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::world::{World, text};
use crate::testkit::Fault;

/// Every span's level and fields by name, and all that was ever recorded.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<(BTreeMap<String, String>, String)>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = writeln!(self.0, "{}={value:?}", field.name());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut captured = self.0.lock().unwrap();
        let meta = attributes.metadata();
        assert_eq!(meta.target(), "notion_sync");
        let fields: Vec<String> = meta
            .fields()
            .iter()
            .map(|f| format!("`{}`", f.name()))
            .collect();
        let line = format!("| {} | {} |", meta.level(), fields.join(", "));
        captured.0.insert(meta.name().to_owned(), line);
        attributes.record(&mut Text(&mut captured.1));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Text(&mut self.0.lock().unwrap().1));
    }
}

#[test]
fn spans_are_the_documented_ones_and_hold_no_values() {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    tracing::subscriber::with_default(subscriber, || {
        let world = World::new();
        let page = world
            .notion
            .person_creates(&[("title", text("SECRET title"))]);
        world.local.person_creates(&[("title", text("SECRET row"))]);
        world.notion.inject([Fault::LoseAnswer, Fault::Reject]);
        world.run();
        world
            .notion
            .person_sets(&page, "notes", text("SECRET notes"));
        world.clock.advance(Duration::from_secs(120));
        world.run();
    });
    let (spans, recorded) = &*capture.0.lock().unwrap();
    let documented = include_str!("../../../../docs/tracing.md");
    let listed = documented.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(listed.count(), spans.len(), "{spans:?}");
    for (name, rest) in spans {
        assert!(
            documented.contains(&format!("| `{name}` {rest}")),
            "{name} {rest}"
        );
    }
    assert!(!recorded.contains("SECRET"), "{recorded}");
    assert!(!recorded.contains("notion-1"), "keys stay out: {recorded}");
    for told in ["answer=\"failed\"", "kind=Create", "outcome=", "records=1"] {
        assert!(recorded.contains(told), "{told}: {recorded}");
    }
}
