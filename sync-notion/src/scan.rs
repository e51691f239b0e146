//! Scans: pages of a query in order of creation, past the cap of 10,000 rows, with a watermark that
//! is Notion's own clock at the start of the scan.

use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp as Moment;
use notion_sync_client::api::{Filter, QueryDataSource, Sort};
use notion_sync_client::object::{Page, PageOrDataSource};
use notion_sync_client::{Cursor as ApiCursor, Item, List, Odd, PageId};
use notion_sync_core::port::{
    BadItem, Call, Coverage, Cursor, FieldSet, Next, PageToken, PeerError, ScanFrom, ScanPage,
    Scope, Sighting,
};
use notion_sync_core::record::{Key, Rank, RankRange};
use serde::{Deserialize, Serialize};

use crate::decode::Decoder;
use crate::failure::is_too_slow;
use crate::peer::NotionPeer;

/// The smallest page a struggling server is asked for.
const SMALLEST_PAGE: u32 = 10;
/// Pages of one query before it counts as endless: 10,000 rows, ten at a time, and as many empty ones.
const MAX_PAGES: usize = 2_000;

/// Where a scan stands. Lives inside a [`PageToken`].
///
/// A query hands out 10,000 rows at most. A capped one is followed by another from the last creation
/// time on: a *leg*. Rows of that boundary minute come twice and are let through once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Position {
    /// Rows edited at or after this only; a full scan without.
    since: Option<String>,
    /// Rows made within this only.
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<RankRange>,
    /// The next incremental scan starts here. Set by the first page.
    watermark: Option<String>,
    started: bool,
    /// Rows per request just now.
    size: u32,
    leg: Leg,
}

/// One query of a scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Leg {
    /// Rows made at or after this only.
    from: Option<String>,
    /// Rows of that very time that the leg before showed.
    shown_before: Vec<String>,
    next: Option<String>,
    /// Cursors followed, to notice a walk in circles.
    followed: Vec<String>,
    restarted: bool,
    capped: bool,
    /// The last creation time seen, and which rows had it.
    last: Option<String>,
    at_last: Vec<String>,
}

impl Leg {
    /// The same query from its start.
    fn again(&mut self) {
        *self = Self {
            from: self.from.take(),
            shown_before: std::mem::take(&mut self.shown_before),
            restarted: true,
            ..Self::default()
        };
    }

    /// Takes note of a row; `false` if the leg before has shown it.
    fn admit(&mut self, page: &Page) -> bool {
        let id = page.id.to_string();
        if self.last.as_deref() != Some(&page.created_time) {
            self.last = Some(page.created_time.clone());
            self.at_last.clear();
        }
        let boundary = self.from.as_deref() == Some(&page.created_time);
        let fresh = !(boundary && self.shown_before.contains(&id));
        // Only a capped query has a leg after it that could show the row again.
        if self.capped {
            self.at_last.push(id);
        }
        fresh
    }
}

/// What follows the page just read.
enum Step {
    More,
    End(Coverage),
}

impl Position {
    fn start(since: Option<&Cursor>, scope: &Scope) -> Self {
        let slice = match scope {
            Scope::Slice(slice) => Some(slice.clone()),
            _ => None,
        };
        Self {
            since: since.map(|cursor| cursor.0.clone()),
            leg: Leg {
                from: slice.as_ref().and_then(|slice| first_minute(&slice.from)),
                ..Leg::default()
            },
            slice,
            ..Self::default()
        }
    }

    fn scope(&self) -> Scope {
        self.slice.clone().map_or(Scope::All, Scope::Slice)
    }

    fn filter(&self) -> Option<Filter> {
        let edited = self.since.as_deref().map(Filter::edited_on_or_after);
        let made = self.leg.from.as_deref().map(Filter::created_on_or_after);
        let end = self.slice.as_ref().and_then(|slice| end_minute(&slice.to));
        let before = end.as_deref().map(Filter::created_before);
        let mut all: Vec<Filter> = [edited, made, before].into_iter().flatten().collect();
        match all.len() {
            0 | 1 => all.pop(),
            _ => Some(Filter::all(&all)),
        }
    }

    /// Moves past a page whose rows have been noted.
    fn step(&mut self, next: Option<&ApiCursor>) -> Step {
        let leg = &mut self.leg;
        match next.map(ApiCursor::as_str) {
            Some(next) if leg.followed.iter().any(|cursor| cursor == next) => self.start_over(
                "Notion handed out the same page twice; the scan could not be finished",
            ),
            Some(_) if leg.followed.len() >= MAX_PAGES => {
                Step::End(Coverage::Partial("the query does not end".to_owned()))
            }
            Some(next) => {
                leg.followed.push(next.to_owned());
                leg.next = Some(next.to_owned());
                Step::More
            }
            None if leg.capped && (leg.last.is_none() || leg.last == leg.from) => {
                Step::End(Coverage::Partial(
                    "more rows were made in one minute than a query of Notion hands out".to_owned(),
                ))
            }
            None if leg.capped => {
                self.leg = Leg {
                    from: leg.last.take(),
                    shown_before: std::mem::take(&mut leg.at_last),
                    ..Leg::default()
                };
                Step::More
            }
            None if self.since.is_some() => Step::End(Coverage::Window),
            None => Step::End(Coverage::Complete(self.scope())),
        }
    }

    /// Once per leg the same query may be asked from its start; rows then come twice, none is lost.
    fn start_over(&mut self, why: &str) -> Step {
        if self.leg.restarted {
            return Step::End(Coverage::Partial(why.to_owned()));
        }
        self.leg.again();
        Step::More
    }

    fn token(&self) -> Result<PageToken, serde_json::Error> {
        serde_json::to_string(self).map(PageToken)
    }
}

impl NotionPeer {
    pub(crate) async fn scan_page(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let mut at = match from {
            ScanFrom::Start { since, scope } => Position::start(since.as_ref(), scope),
            ScanFrom::Next(token) => serde_json::from_str(&token.0)
                .map_err(|_| self.protocol("the page token is not one of this peer"))?,
        };
        let most = limit.min(u32::from(self.options.page_size)).clamp(1, 100);
        // A page that came through is the sign to try larger ones again.
        at.size = if at.size == 0 {
            most
        } else {
            (at.size * 2).min(most)
        };
        let known = self.known();
        let asked = known
            .as_ref()
            .map(|known| known.decoder.select(fields).properties(&known.decoder));
        let answer = loop {
            self.go_on(call)?;
            let mut query = QueryDataSource::new(self.data_source)
                .sort(Sort::CREATED)
                .page_size(at.size)
                .only(asked.clone().unwrap_or_default());
            query.filter = at.filter();
            query.start_cursor = at.leg.next.as_deref().map(ApiCursor::new);
            match self.client.send(&query).await {
                Ok(answer) => break answer,
                Err(error) if is_too_slow(&error) && at.size > SMALLEST_PAGE => {
                    at.size = (at.size / 2).max(SMALLEST_PAGE);
                }
                Err(error) if error.is_invalid_cursor() && at.leg.next.is_some() => {
                    let why = "Notion's cursor died twice; the scan could not be finished";
                    if let Step::End(coverage) = at.start_over(why) {
                        let next = end(coverage, &at);
                        return Ok(ScanPage::new(Vec::new(), next));
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        };
        if !at.started {
            at.started = true;
            let time = answer.meta.server_time;
            at.watermark = match time.and_then(|time| watermark(time, self.options.index_lag)) {
                // Without the server's time the next scan starts where this one did.
                None => at.since.clone(),
                some => some,
            };
        }
        let List {
            results,
            next_cursor,
            ..
        } = &answer.value;
        at.leg.capped |= answer.value.is_capped();
        let items = self.sightings(&mut at.leg, results, fields).await;
        let next = match at.step(next_cursor.as_ref()) {
            Step::More => {
                let token = at.token();
                Next::More(token.map_err(|_| self.protocol("the scan's place has no text form"))?)
            }
            Step::End(coverage) => end(coverage, &at),
        };
        Ok(ScanPage {
            items,
            next,
            began: at.watermark.map(Cursor),
        })
    }

    async fn sightings(
        &self,
        leg: &mut Leg,
        rows: &[Item<PageOrDataSource>],
        fields: &FieldSet,
    ) -> Vec<Sighting> {
        let known = self.known();
        // Without a schema the first row shows which properties there are.
        let shown = match &known {
            Some(_) => None,
            None => rows.iter().find_map(|row| match row {
                Item::Ok(PageOrDataSource::Page(page)) => Some(Decoder::of_page(page)),
                _ => None,
            }),
        };
        let decoder = known
            .as_ref()
            .map(|known| &known.decoder)
            .or(shown.as_ref());
        let selection = decoder.map(|decoder| decoder.select(fields));
        let mut budget = self.options.hydrate_per_page;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            match (row, decoder, &selection) {
                (Item::Ok(PageOrDataSource::Page(page)), Some(decoder), Some(selection)) => {
                    if leg.admit(page) {
                        let record = self.whole(decoder, page, selection, &mut budget).await;
                        items.push(Sighting::Seen(record));
                    }
                }
                (Item::Partial(partial), ..) => items.push(bad(
                    Some(&partial.id),
                    "the connection may not read this row".to_owned(),
                )),
                (Item::Odd(Odd { id, error, .. }), ..) => {
                    items.push(bad(id.as_deref(), error.to_string()));
                }
                // A wiki lists its data sources among its rows; they are not rows of this one.
                (Item::Ok(_), ..) => {}
                _ => items.push(bad(None, "the row could not be read".to_owned())),
            }
        }
        items
    }
}

/// Where a record stands in its data source: the minute its page was made, which never moves.
pub(crate) fn rank(page: &Page) -> Option<Rank> {
    // Written out in one width, so that the order of the texts is that of the times.
    let is_usual = |text: &str| text.len() == 24 && text.ends_with('Z');
    if is_usual(&page.created_time) {
        return Some(Rank::new(page.created_time.as_str()));
    }
    let made: Moment = page.created_time.parse().ok()?;
    Some(Rank::new(format!("{made:.3}")))
}

/// The time from which on rows are in a slice.
fn first_minute(from: &Bound<Rank>) -> Option<String> {
    match from {
        Bound::Unbounded => None,
        Bound::Included(rank) => Some(rank.to_string()),
        Bound::Excluded(rank) => Some(next_minute(rank)),
    }
}

/// The time from which on rows are in a slice no more.
fn end_minute(to: &Bound<Rank>) -> Option<String> {
    match to {
        Bound::Unbounded => None,
        Bound::Excluded(rank) => Some(rank.to_string()),
        Bound::Included(rank) => Some(next_minute(rank)),
    }
}

/// Rows that Notion shows with one time were made within its minute.
fn next_minute(rank: &Rank) -> String {
    let next = rank.as_str().parse::<Moment>().ok();
    let next = next.and_then(|at| at.checked_add(Duration::from_secs(60)).ok());
    next.map_or_else(|| rank.to_string(), |next| format!("{next:.3}"))
}

fn end(coverage: Coverage, at: &Position) -> Next {
    // A scan that proves nothing must not move the watermark.
    let cursor = match coverage {
        Coverage::Partial(_) => None,
        _ => at.watermark.clone().map(Cursor),
    };
    Next::End { coverage, cursor }
}

fn bad(id: Option<&str>, reason: String) -> Sighting {
    let id = id.and_then(|id| id.parse::<PageId>().ok());
    let key = id.map(|id| Key::durable(id.to_string()));
    Sighting::Bad(BadItem { key, reason })
}

/// Where the next incremental scan starts: the minute of the server's clock, less one for the
/// flooring of times, less the lag of the index.
///
/// An edit at `t` that this scan could miss has `t > now - lag`; Notion shows it as the minute of
/// `t`, which is never before the value given here.
fn watermark(server_time: u64, lag: Duration) -> Option<String> {
    let lag = lag.as_secs() + u64::from(lag.subsec_nanos() > 0);
    let minute = server_time - server_time % 60;
    let second = minute.saturating_sub(60).saturating_sub(lag);
    let moment = jiff::Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
    Some(moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_watermark_is_a_time_notion_takes() {
        let lag = Duration::from_millis(59_500);
        let text = watermark(1_767_225_659, lag).unwrap();
        assert_eq!(text, "2025-12-31T23:58:00Z");
        assert_eq!(watermark(5, lag).unwrap(), "1970-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn pain_03_an_edit_the_scan_missed_is_inside_the_next_window(
            now in 1_767_225_600_u64..1_767_312_000,
            lag in 0_u64..400,
            after in 0_u64..1_000,
        ) {
            // Everything edited up to `now - lag` was visible; this edit came later.
            let edited = now - lag + after;
            let shown = edited - edited % 60;
            let from = watermark(now, Duration::from_secs(lag)).unwrap();
            let from: jiff::Timestamp = from.parse().unwrap();
            prop_assert!(u64::try_from(from.as_second()).unwrap() <= shown);
        }
    }

    #[test]
    fn minutes_follow_one_another() {
        let rank = |text: &str| Rank::new(text);
        assert_eq!(
            next_minute(&rank("2026-09-04T23:59:00.000Z")),
            "2026-09-05T00:00:00.000Z"
        );
        let border = Bound::Included(rank("2026-09-04T14:30:00.000Z"));
        assert_eq!(first_minute(&border).unwrap(), "2026-09-04T14:30:00.000Z");
        assert_eq!(end_minute(&border).unwrap(), "2026-09-04T14:31:00.000Z");
    }

    #[test]
    fn pain_09_a_walk_in_circles_restarts_once_and_then_proves_nothing() {
        let mut at = Position::start(None, &Scope::All);
        let cursor = ApiCursor::new("a");
        assert!(matches!(at.step(Some(&cursor)), Step::More));
        assert!(matches!(at.step(Some(&cursor)), Step::More));
        assert!(at.leg.restarted && at.leg.next.is_none());
        assert!(matches!(at.step(Some(&cursor)), Step::More));
        let over = at.step(Some(&cursor));
        assert!(matches!(over, Step::End(Coverage::Partial(_))));
    }
}
