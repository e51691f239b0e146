//! Plans as one HTML page: a verdict, counts that filter, a card for each record. No script and
//! nothing from elsewhere; the page's own policy forbids both.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use notion_sync_core::conflict::Conflict;
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::PairId;
use notion_sync_core::plan::{Plan, PlannedField, Refusal};
use notion_sync_core::value::Value;
use similar::{ChangeTag, TextDiff};

use super::report::{about, field_of};
use super::view::{
    Change, before_and_after, changes, cost, field_name, harmless, one_line, schema_lines, shorten,
    unlisted, verdict,
};

const STYLE: &str = include_str!("page.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// What can be shown alone: class, and name in the filter.
const KINDS: [(&str, &str); 7] = [
    ("trash", "deletes"),
    ("conflict", "conflicts"),
    ("refused", "refused"),
    ("change", "changes"),
    ("create", "creates"),
    ("restore", "restores"),
    ("refresh", "refreshes"),
];

/// Longer values are cut: comparing them word by word would take longer than reading them.
const VALUE: usize = 10_000;

pub(super) fn page(plans: &[&Plan]) -> String {
    let cards: Vec<Vec<Card<'_>>> = plans.iter().map(|plan| cards(plan)).collect();
    let titles: Vec<String> = plans.iter().map(|plan| one_line(&plan.title)).collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Plan: " (titles.join(", ")) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (filters(&cards))
                main { @for (plan, cards) in plans.iter().zip(&cards) { (section(plan, cards)) } }
            }
        }
    };
    markup.into_string()
}

/// Radio buttons that CSS reads; without that everything is shown.
fn filters(cards: &[Vec<Card<'_>>]) -> Markup {
    let all = || cards.iter().flatten();
    let of = |class: &str| all().filter(|card| card.classes.contains(&class)).count();
    html! {
        form.filters aria-label="Show" {
            label { input type="radio" name="show" value="all" id="show-all" checked; " all " b { (all().count()) } }
            @for (class, name) in KINDS {
                @if of(class) > 0 {
                    label {
                        input type="radio" name="show" value=(class) id={ "show-" (class) };
                        " " (name) " " b { (of(class)) }
                    }
                }
            }
        }
    }
}

fn section(plan: &Plan, cards: &[Card<'_>]) -> Markup {
    let sums = refusals_of(plan, None);
    html! {
        section.plan {
            h1 { bdi { (one_line(&plan.title)) } }
            p.verdict { (verdict(plan)) }
            p.meta {
                @if let Some(cost) = cost(plan) { (cost) " " }
                "Planned " (plan.over.at) " over commit " (plan.over.serial.0) ". Plan " code { (plan.id()) }
            }
            @if !sums.is_empty() {
                section.held { h2 { "Held back" } @for refusal in sums { (refusal_line(plan, refusal)) } }
            }
            @if !plan.schema.is_empty() {
                section.held { h2 { "Schema" } @for line in schema_lines(plan) { p { (line) } } }
            }
            @for card in cards { (card.markup(plan)) }
            @for (what, id) in unlisted(plan) { p.meta { (what) " " code.id { (id) } } }
        }
    }
}

/// Everything about one record.
struct Card<'p> {
    label: &'p str,
    keys: Option<&'p Sides<Option<notion_sync_core::record::Key>>>,
    classes: Vec<&'static str>,
    changes: Vec<Change<'p>>,
    conflicts: Vec<&'p Conflict>,
    refusals: Vec<&'p Refusal>,
}

/// One card for each record: deletes first, then what waits for a person, then the rest.
fn cards(plan: &Plan) -> Vec<Card<'_>> {
    let mut by_pair: BTreeMap<PairId, Card<'_>> = BTreeMap::new();
    let card = |pair: PairId| {
        let record = plan.record(pair);
        Card {
            label: record.map_or("", |record| &record.label),
            keys: record.map(|record| &record.keys),
            classes: Vec::new(),
            changes: Vec::new(),
            conflicts: Vec::new(),
            refusals: Vec::new(),
        }
    };
    for change in changes(plan) {
        let pair = change.item.pair;
        let card = by_pair.entry(pair).or_insert_with(|| card(pair));
        card.classes.push(change.word());
        card.changes.push(change);
    }
    for conflict in &plan.conflicts {
        let pair = conflict.pair;
        let card = by_pair.entry(pair).or_insert_with(|| card(pair));
        card.classes.push("conflict");
        card.conflicts.push(conflict);
    }
    for refusal in &plan.refusals {
        let Some(pair) = refusal.pair else { continue };
        let card = by_pair.entry(pair).or_insert_with(|| card(pair));
        card.classes.push("refused");
        card.refusals.push(refusal);
    }
    let mut cards: Vec<Card<'_>> = by_pair.into_values().collect();
    cards.sort_by_key(Card::rank);
    cards
}

fn refusals_of(plan: &Plan, pair: Option<PairId>) -> Vec<&Refusal> {
    let refusals = plan.refusals.iter();
    refusals.filter(|refusal| refusal.pair == pair).collect()
}

impl Card<'_> {
    fn rank(&self) -> usize {
        let first = |(class, _): &(&str, &str)| self.classes.contains(class);
        KINDS.iter().position(first).unwrap_or(KINDS.len())
    }

    fn markup(&self, plan: &Plan) -> Markup {
        let keys = Side::BOTH.into_iter().filter_map(|side| {
            let key = self.keys?[side].as_ref()?;
            Some((one_line(&plan.names[side]), one_line(key.as_str())))
        });
        html! {
            article class={ "card " (self.classes.join(" ")) } {
                h2 { bdi { (shorten(self.label, 0, 200)) } }
                p.meta { @for (side, key) in keys { span.key { (side) " " code { (key) } } " " } }
                @for change in &self.changes { (command(*change)) }
                @for open in &self.conflicts { (conflict(plan, open)) }
                @for refusal in &self.refusals { (refusal_line(plan, refusal)) }
            }
        }
    }
}

fn command(change: Change<'_>) -> Markup {
    let listed = change.listed;
    html! {
        section.command {
            p {
                span class={ "chip " (change.word()) } { (change.word()) }
                " on " span.chip { (one_line(change.side())) }
                " " span.chip title=(change.reason()) { (listed.command.rule) }
                " " (change.reason()) " " code.id { (listed.id) }
            }
            @if let Some(refusal) = change.held() { (refusal_line(change.plan, refusal)) }
            @if let Some(left_out) = change.left_out() { p.meta { (left_out) } }
            @if !listed.command.fields.is_empty() {
                dl {
                    @for field in &listed.command.fields {
                        dt {
                            bdi { (one_line(field_name(change.plan, &field.name))) }
                            @if !change.creates() {
                                " " span.chip title=(field.rule.reason()) { (field.rule) }
                            }
                        }
                        dd { (words(field)) }
                    }
                }
            }
        }
    }
}

/// What goes and what comes, word by word.
fn words(field: &PlannedField) -> Markup {
    let (before, after) = before_and_after(field);
    let cut = |text: &str| match text.char_indices().nth(VALUE) {
        Some((at, _)) => (harmless(&text[..at]), text[at..].chars().count()),
        None => (harmless(text), 0),
    };
    let ((old, old_cut), (new, new_cut)) = (cut(&before), cut(&after));
    let same = before == after && field.expected.is_some();
    html! {
        @if before.is_empty() && after.is_empty() { span.meta { "(empty)" } }
        @for (tag, text) in runs(&old, &new) {
            @match tag {
                ChangeTag::Equal => { (text) }
                ChangeTag::Delete => { del { (text) } }
                ChangeTag::Insert => { ins { (text) } }
            }
        }
        @if after.is_empty() && !before.is_empty() { " " span.meta { "(cleared)" } }
        @if same { " " span.meta { "(formatting only)" } }
        @if old_cut + new_cut > 0 {
            " " span.meta { "… " (old_cut) " characters before and " (new_cut) " after are not shown" }
        }
    }
}

/// Words that stay, go or come, neighbours of one kind joined.
fn runs(old: &str, new: &str) -> Vec<(ChangeTag, String)> {
    let mut runs: Vec<(ChangeTag, String)> = Vec::new();
    for change in TextDiff::from_words(old, new).iter_all_changes() {
        match runs.last_mut() {
            Some((tag, text)) if *tag == change.tag() => text.push_str(change.value()),
            _ => runs.push((change.tag(), change.value().to_owned())),
        }
    }
    runs
}

fn conflict(plan: &Plan, conflict: &Conflict) -> Markup {
    let row = |name: &str, value: &Value| {
        let text = value.display();
        let text = if text.is_empty() { "(empty)" } else { &text };
        html! { dt { (one_line(name)) } dd { (harmless(text)) } }
    };
    html! {
        section.command {
            p {
                span.chip.conflict { "conflict" } " in "
                b { bdi { (one_line(field_name(plan, &conflict.field))) } }
                " since " (conflict.opened_at)
            }
            dl {
                @match &conflict.base {
                    None => { dt { "settled" } dd { span.meta { "never" } } }
                    Some(base) if base.left == base.right => { (row("settled", &base.left)) }
                    Some(base) => {
                        @for side in Side::BOTH {
                            (row(&format!("settled on {}", plan.names[side]), &base[side]))
                        }
                    }
                }
                @for side in Side::BOTH { (row(&plan.names[side], &conflict.values[side])) }
            }
        }
    }
}

fn refusal_line(plan: &Plan, refusal: &Refusal) -> Markup {
    let field = field_of(plan, refusal.field.as_ref());
    html! {
        p.refusal {
            span.chip.refused { (format!("{:?}", refusal.guard)) } (about(refusal, None, field)) " "
            (harmless(&refusal.reason)) ". " span.meta { "What helps: " (refusal.guard.remedy()) "." }
        }
    }
}
