//! Notion: the token, the clock, and whether a data source is shared.

use anyhow::Result;
use notion_sync::SystemClock;
use notion_sync::client::api::{QueryDataSource, RetrieveDataSource, RetrieveMe};
use notion_sync::client::object::{User, UserKind, plain_text};
use notion_sync::client::{DataSourceId, ErrorKind, Object};
use notion_sync::core::port::Clock;
use notion_sync::sqlite::SqliteStore;

use super::Findings;
use crate::args::Args;
use crate::connect::{self, Connection};
use crate::output;
use crate::tables;

const TOKEN: &str = "token";

/// Seconds that the clocks may differ before it is told.
const SKEW: u64 = 60;

/// No request that reads tells what a connection may write.
const UNTOLD: &str =
    "whether it may edit and make pages shows with the first edit: Notion tells it nowhere before";

const SHARE: &str = "in Notion open the database, choose ••• > Connections, and add the connection";

/// Whether the token is good, and for whom; the connection if it is.
pub(super) async fn look_at_token(
    args: &Args,
    findings: &mut Findings,
) -> Result<Option<Connection>> {
    if !connect::has_place(args) {
        let remedy =
            "set NOTION_TOKEN to the secret of your connection (notion.so/profile/integrations)";
        findings.problem(TOKEN, "there is none", remedy);
        return Ok(None);
    }
    let connection = connect::connect(args).await?;
    match connection.client.send(&RetrieveMe).await {
        Ok(answer) => {
            findings.ok(TOKEN, format!("valid, {}", whose(&answer.value)));
            findings.ok(TOKEN, UNTOLD);
            if let Some(theirs) = answer.meta.server_time {
                look_at_clock(theirs, findings);
            }
            Ok(Some(connection))
        }
        Err(error) => {
            let said = output::sentence_of(&error);
            match error.kind() {
                ErrorKind::Unauthorized => {
                    findings.is_halted = true;
                    let remedy = "make a new secret at notion.so/profile/integrations and set NOTION_TOKEN to it";
                    findings.problem(TOKEN, format!("refused: {said}"), remedy);
                }
                _ => {
                    let remedy = "check the network, a proxy, and status.notion.so";
                    findings.problem("Notion", format!("cannot be asked: {said}"), remedy);
                }
            }
            Ok(None)
        }
    }
}

fn whose(user: &User) -> String {
    let name = user.name.as_deref().unwrap_or("without a name");
    let workspace = match &user.kind {
        UserKind::Bot(bot) => bot.workspace_name.as_deref(),
        _ => None,
    };
    match workspace {
        Some(workspace) => format!("connection {name:?} in the workspace {workspace:?}"),
        None => format!("connection {name:?}"),
    }
}

fn look_at_clock(theirs: u64, findings: &mut Findings) {
    let ours = SystemClock::default().now().0 / 1_000;
    let ours = u64::try_from(ours).unwrap_or(0);
    let apart = ours.abs_diff(theirs);
    if apart <= SKEW {
        findings.ok("clock", "agrees with Notion's");
        return;
    }
    let how = if ours > theirs { "ahead of" } else { "behind" };
    let said = format!("{apart} s {how} Notion's: times shown here and cadences are off by that");
    findings.warning("clock", said, "set this machine's clock");
}

/// Data sources of the command line that the file does not know: may they be synced?
pub(super) async fn look_at_named(
    args: &Args,
    connection: &Connection,
    store: Option<&SqliteStore>,
    findings: &mut Findings,
) -> Result<()> {
    let known = match store {
        Some(store) => tables::known(store).await?,
        None => Vec::new(),
    };
    for text in &args.data_source {
        match notion_sync::notion::resolve(&connection.client, text).await {
            Ok(source) if known.iter().any(|linked| linked.source == source) => {}
            Ok(source) => look_at_source(connection, source, text, findings).await,
            Err(error) => findings.problem(text, output::sentence_of(&error), SHARE),
        }
    }
    Ok(())
}

/// Whether the connection may read a data source.
pub(super) async fn look_at_source(
    connection: &Connection,
    source: DataSourceId,
    about: &str,
    findings: &mut Findings,
) {
    let client = &connection.client;
    let found = match client.send(&RetrieveDataSource::new(source)).await {
        Ok(answer) => answer.value,
        Err(error) => return refused(&error, about, findings),
    };
    let Object::Full(found) = found else {
        let said =
            "Notion shows that it exists and nothing of it: the connection may not read content";
        findings.problem(
            about,
            said,
            "give the connection the capability to read content",
        );
        return;
    };
    if found.in_trash {
        let said = "its data source is in Notion's trash";
        findings.problem(
            about,
            said,
            "restore it in Notion, or `notion-sync forget` it",
        );
        return;
    }
    let one = QueryDataSource::new(source).page_size(1);
    if let Err(error) = client.send(&one).await {
        return refused(&error, about, findings);
    }
    let title = plain_text(&found.title);
    findings.ok(about, format!("its data source {title:?} can be read"));
}

fn refused(error: &notion_sync::client::Error, about: &str, findings: &mut Findings) {
    let said = output::sentence_of(error);
    match error.kind() {
        ErrorKind::NotFound => {
            let said = format!("its data source is not there, or not shared: {said}");
            findings.problem(about, said, SHARE);
        }
        ErrorKind::Forbidden => {
            let remedy = "give the connection the capability it lacks, and check that whoever made it may still edit there";
            findings.problem(
                about,
                format!("its data source is not permitted: {said}"),
                remedy,
            );
        }
        _ => {
            let remedy = "try again; if it stays so, `notion-sync run` says more";
            findings.problem(
                about,
                format!("its data source cannot be read: {said}"),
                remedy,
            );
        }
    }
}
