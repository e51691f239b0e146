//! From the command line to a client, a store and the data sources to work on.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use notion_sync::client::limiter::RateLimit;
use notion_sync::client::url::NotionUrl;
use notion_sync::client::{
    Client, DataSourceId, HttpRequest, HttpResponse, Token, Transport, TransportError,
    TransportErrorKind,
};
use notion_sync::core::link::MaxDelete;
use notion_sync::core::port::StoreError;
use notion_sync::sqlite::{SqliteStore, StoreOptions};
use notion_sync::{Catalog, Policy, Replica};
use notion_sync_sim::NotionSim;

use crate::args::{Args, RateLimitArg};
use crate::exit::UsageError;

/// Where requests go, and what keeps that place alive.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Lives as long as requests are made to it.
    sim: Option<NotionSim>,
    index_lag: Duration,
}

/// Refuses combinations that would be dangerous or do nothing. Not left to clap, which compares
/// flags before the command only with each other, and those after it likewise.
pub(crate) fn check(args: &Args) -> Result<()> {
    let elsewhere = args.sim || args.base_url.is_some();
    let message = if args.sim && args.base_url.is_some() {
        "--sim and --base-url name two places: choose one"
    } else if args.load.is_some() && !args.sim {
        "--load fills the embedded simulator: it needs --sim"
    } else if args.rate_limit.is_some() && !elsewhere {
        "--rate-limit works with --sim or --base-url only: the real API has its own"
    } else {
        return Ok(());
    };
    Err(UsageError(message.to_owned()).into())
}

/// Whether there is somebody to ask and something to ask with.
pub(crate) fn has_place(args: &Args) -> bool {
    args.sim || token_from_environment().is_some()
}

/// Connects to the simulator, to another address, or to Notion.
pub(crate) async fn connect(args: &Args) -> Result<Connection> {
    check(args)?;
    if args.sim {
        return embedded(args).await;
    }
    let Some((name, secret)) = token_from_environment() else {
        let message = "no token: set NOTION_TOKEN to the secret of your connection \
                       (notion.so/profile/integrations), or try `notion-sync demo`";
        return Err(UsageError(message.to_owned()).into());
    };
    let token = Token::new(secret)?.labelled(name);
    let mut builder = Client::builder(token);
    if let Some(url) = &args.base_url {
        builder = builder.base_url(url.clone());
    }
    if let Some(limit) = args.rate_limit {
        builder = builder.rate_limit(limit_of(limit));
    }
    let index_lag = Duration::from_secs(args.index_lag.unwrap_or_else(|| default_lag(args)));
    Ok(Connection {
        client: builder.build()?,
        sim: None,
        index_lag,
    })
}

/// For a command that reads the file only: no token is needed, and nobody is asked.
pub(crate) fn offline(args: &Args) -> Result<Connection> {
    check(args)?;
    // Never sent.
    let token = Token::new("none")?;
    Ok(Connection {
        client: Client::builder(token).transport(Nobody).build()?,
        sim: None,
        index_lag: Duration::from_secs(args.index_lag.unwrap_or_else(|| default_lag(args))),
    })
}

/// Stands where there is nobody to ask.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        Err(TransportError::new(TransportErrorKind::Connect))
    }
}

async fn embedded(args: &Args) -> Result<Connection> {
    let limit = args.rate_limit.unwrap_or(RateLimitArg::Off);
    let per_minute = match limit {
        RateLimitArg::Off => None,
        RateLimitArg::PerMinute(limit) => Some(limit),
    };
    let lag = Duration::from_secs(args.index_lag.unwrap_or(0));
    let mut builder = NotionSim::builder().rate_limit(per_minute).index_lag(lag);
    if let Some(folder) = &args.load {
        builder = builder.load(folder);
    }
    let sim = builder
        .start()
        .await
        .context("the simulator did not start")?;
    if args.load.is_none() {
        sim.generate("Tasks", 25)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    let client = Client::builder(Token::new(sim.token())?.labelled("the simulator's token"))
        .base_url(sim.base_url())
        .rate_limit(limit_of(limit))
        .build()?;
    Ok(Connection {
        client,
        sim: Some(sim),
        index_lag: lag,
    })
}

/// Notion documents no bound for how far its queries lag; a loopback address is a simulator, which
/// shows writes at once unless it was told otherwise.
fn default_lag(args: &Args) -> u64 {
    let local = |url: &String| {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|host| {
                url.strip_prefix(host)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            })
    };
    if args.base_url.as_ref().is_some_and(local) {
        0
    } else {
        60
    }
}

fn limit_of(limit: RateLimitArg) -> RateLimit {
    match limit {
        RateLimitArg::Off => RateLimit::Off,
        RateLimitArg::PerMinute(requests) => RateLimit::Window {
            requests,
            period: Duration::from_secs(60),
        },
    }
}

/// The variable a token was found in, and the token.
fn token_from_environment() -> Option<(&'static str, String)> {
    ["NOTION_TOKEN", "NOTION_API_TOKEN"]
        .into_iter()
        .find_map(|name| {
            let value = std::env::var(name).ok()?;
            (!value.trim().is_empty()).then(|| (name, value.trim().to_owned()))
        })
}

impl Connection {
    /// What to work on: what was asked for, else what the file knows, else — never with the real
    /// API — everything the connection can see.
    pub(crate) async fn data_sources(
        &self,
        args: &Args,
        store: &SqliteStore,
    ) -> Result<Vec<DataSourceId>> {
        let links = store.links().await?;
        let known: Vec<DataSourceId> = links
            .iter()
            .filter_map(|link| link.as_str().parse().ok())
            .collect();
        let mut asked = Vec::new();
        for text in &args.data_source {
            let named = NotionUrl::best_for_data_source(text).map(|found| found.data_source());
            // The id of a data source that the file knows needs no request to be recognised.
            let id = match named.filter(|id| known.contains(id)) {
                Some(id) => id,
                None => notion_sync::notion::resolve(&self.client, text).await?,
            };
            if !asked.contains(&id) {
                asked.push(id);
            }
        }
        if !asked.is_empty() {
            return Ok(asked);
        }
        let is_real = self.sim.is_none() && args.base_url.is_none();
        if self.sim.is_none() && !known.is_empty() {
            return Ok(known);
        }
        let visible = notion_sync::notion::list_data_sources(&self.client).await?;
        if !is_real {
            return Ok(visible.into_iter().map(|found| found.id).collect());
        }
        let mut message = String::from("which data source? Name one with --data-source.");
        if visible.is_empty() {
            message.push_str(
                "\nThe connection can see none yet: in Notion open the database, choose ••• > \
                 Connections, and add your connection.",
            );
        }
        for found in visible {
            message.push_str(&format!("\n  {}  {}", found.id, found.title));
        }
        Err(UsageError(message).into())
    }

    /// The link between a data source and the file, with the rules of the command line.
    pub(crate) fn replica(
        &self,
        args: &Args,
        source: DataSourceId,
        store: &SqliteStore,
    ) -> Replica {
        let mut policy = Policy::default();
        policy.max_delete = MaxDelete {
            approved: args.max_deletes,
            ..policy.max_delete
        };
        let replica = Replica::new(self.client.clone(), source, store)
            .policy(policy)
            .index_lag(self.index_lag);
        match &args.marker_field {
            Some(name) => replica.marker_field(name),
            None => replica,
        }
    }
}

impl Connection {
    /// The tables about these data sources themselves.
    pub(crate) fn catalog(
        &self,
        sources: impl IntoIterator<Item = DataSourceId>,
        store: &SqliteStore,
    ) -> Catalog {
        Catalog::new(self.client.clone(), sources, store)
    }
}

/// Opens the file of a command that writes.
pub(crate) fn open(args: &Args) -> Result<SqliteStore> {
    SqliteStore::open(&args.db, StoreOptions::default().adopt(args.adopt))
        .with_context(|| format!("{} cannot be used", args.db.display()))
}

/// Refuses to plan what a run would refuse: a file that is a copy or was restored, and is not adopted.
pub(crate) async fn refuse_copy(args: &Args, store: &SqliteStore) -> Result<()> {
    match !args.adopt && store.is_copy().await? {
        true => Err(StoreError::NotAdopted.into()),
        false => Ok(()),
    }
}

/// Opens the file of a command that only reads; one that is not there reads as empty.
pub(crate) fn open_to_read(args: &Args) -> Result<SqliteStore> {
    if args.db.exists() {
        open(args)
    } else {
        Ok(SqliteStore::in_memory()?)
    }
}
