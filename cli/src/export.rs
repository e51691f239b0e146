//! `notion-sync export`: rows of the file, streamed. Asks nobody but the file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use notion_sync::core::link::LinkId;
use notion_sync::sqlite::{Exported, RowSink, SqliteStore};
use serde::ser::{Serialize, Serializer};
use serde_json::json;

use crate::args::{Args, ExportArgs, RowFormat};
use crate::connect;
use crate::exit::{Exit, UsageError};
use crate::output;
use crate::tables;

pub(crate) async fn export(args: &Args, what: &ExportArgs) -> Result<Exit> {
    if args.json && what.out.is_none() {
        let message = "stdout takes one document: use --format json, or --out FILE with --json";
        return Err(UsageError(message.to_owned()).into());
    }
    let store = connect::open_to_read(args)?;
    let tables = tables(args, &store, what.table.as_deref()).await?;
    check(what, &tables)?;
    let mut out = Target::open(what.out.as_deref())?;
    let is_one = what.table.is_some();
    let is_document = what.format == RowFormat::Json && !is_one;
    let mut counts = Vec::new();
    let result: Result<()> = async {
        if is_document {
            out.write_all(b"{")?;
        }
        for (at, (link, table)) in tables.iter().enumerate() {
            if is_document {
                let comma = if at > 0 { "," } else { "" };
                write!(out, "{comma}\n{}: ", json!(table))?;
            }
            let named = (!is_one).then(|| table.clone());
            let sink = Sink::new(what.format, named, out);
            let exported = store.export(link, what.trashed, sink).await;
            let (sink, rows) = exported?;
            out = sink.finish()?;
            counts.push((table.clone(), rows));
        }
        if what.format == RowFormat::Json {
            let end: &[u8] = if is_document { b"\n}\n" } else { b"\n" };
            out.write_all(end)?;
        }
        out.keep()?;
        Ok(())
    }
    .await;
    match result {
        Ok(()) => {}
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if is_broken_pipe(&error) => return Ok(Exit::Clean),
        Err(error) => {
            if let Some(file) = &what.out {
                // Half of the rows helps nobody; that it cannot be removed is not what went wrong.
                let _ = std::fs::remove_file(unfinished(file));
            }
            return Err(error);
        }
    }
    told(args, what, &counts);
    Ok(Exit::Clean)
}

/// The tables that are meant, each with its link. Those about data sources themselves are for who names
/// them.
async fn tables(
    args: &Args,
    store: &SqliteStore,
    name: Option<&str>,
) -> Result<Vec<(LinkId, String)>> {
    if let Some(subject) = tables::about(store, name).await? {
        let name = subject.name();
        return Ok(vec![(LinkId::new(name), name.to_owned())]);
    }
    let found = tables::meant(args, store, name).await?.into_iter();
    Ok(found.map(|linked| (linked.link, linked.table)).collect())
}

/// CSV has no place for a second table.
fn check(what: &ExportArgs, tables: &[(LinkId, String)]) -> Result<()> {
    if what.format != RowFormat::Csv || tables.len() == 1 {
        return Ok(());
    }
    let mut message = "a CSV file holds one table: choose it".to_owned();
    for (_, table) in tables {
        message.push_str(&format!("\n  --table {table}"));
    }
    Err(UsageError(message).into())
}

fn told(args: &Args, what: &ExportArgs, counts: &[(String, u64)]) {
    let Some(file) = &what.out else {
        return;
    };
    if args.json {
        let tables = counts.iter();
        let tables: Vec<_> = tables
            .map(|(table, rows)| json!({ "table": table, "rows": rows }))
            .collect();
        let file = file.display().to_string();
        output::print_json(&json!({ "command": "export", "file": file, "tables": tables }));
        return;
    }
    for (table, rows) in counts {
        say!("{table}: {rows} row(s) in {}.", file.display());
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// What a file is called while it is written.
fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Where rows go: stdout, or a file that takes its name once it is complete.
struct Target {
    writer: BufWriter<Box<dyn Write + Send>>,
    file: Option<(PathBuf, PathBuf)>,
}

impl Target {
    fn open(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self {
                writer: BufWriter::new(Box::new(io::stdout())),
                file: None,
            });
        };
        let unfinished = unfinished(file);
        let open: File = output::open_private(&unfinished)?;
        Ok(Self {
            writer: BufWriter::new(Box::new(open)),
            file: Some((unfinished, file.to_owned())),
        })
    }

    fn keep(mut self) -> Result<()> {
        self.flush()?;
        if let Some((unfinished, file)) = &self.file {
            std::fs::rename(unfinished, file)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes the rows of one table.
enum Sink {
    Ndjson {
        out: Target,
        table: Option<String>,
        names: Vec<String>,
    },
    Json {
        out: Target,
        names: Vec<String>,
        is_first: bool,
    },
    Csv(Box<csv::Writer<Target>>),
}

impl Sink {
    fn new(format: RowFormat, table: Option<String>, out: Target) -> Self {
        let names = Vec::new();
        match format {
            RowFormat::Ndjson => Self::Ndjson { out, table, names },
            RowFormat::Json => Self::Json {
                out,
                names,
                is_first: true,
            },
            RowFormat::Csv => Self::Csv(Box::new(csv::Writer::from_writer(out))),
        }
    }

    /// The end of the table.
    fn finish(self) -> io::Result<Target> {
        match self {
            Self::Ndjson { out, .. } => Ok(out),
            Self::Json { mut out, .. } => {
                out.write_all(b"\n]")?;
                Ok(out)
            }
            Self::Csv(writer) => writer.into_inner().map_err(|error| error.into_error()),
        }
    }
}

impl RowSink for Sink {
    fn columns(&mut self, columns: &[String]) -> io::Result<()> {
        match self {
            Self::Ndjson { names, .. } => *names = columns.to_vec(),
            Self::Json { out, names, .. } => {
                *names = columns.to_vec();
                out.write_all(b"[")?;
            }
            Self::Csv(writer) => writer.write_record(columns).map_err(plain)?,
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Exported]) -> io::Result<()> {
        match self {
            Self::Ndjson { out, table, names } => {
                let row = Object(names, cells);
                match table {
                    Some(table) => {
                        write!(out, "{{\"table\":{},\"row\":", json!(table))?;
                        serde_json::to_writer(&mut *out, &row)?;
                        out.write_all(b"}")?;
                    }
                    None => serde_json::to_writer(&mut *out, &row)?,
                }
                out.write_all(b"\n")
            }
            Self::Json {
                out,
                names,
                is_first,
            } => {
                let comma: &[u8] = if *is_first { b"\n" } else { b",\n" };
                *is_first = false;
                out.write_all(comma)?;
                Ok(serde_json::to_writer(&mut *out, &Object(names, cells))?)
            }
            Self::Csv(writer) => {
                for cell in cells {
                    writer.write_field(cell.to_string()).map_err(plain)?;
                }
                // Ends the record.
                writer.write_record(None::<&[u8]>).map_err(plain)
            }
        }
    }
}

/// What kept the writer from writing, as it was told: by itself it says that something else did.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A row as a JSON object, its columns in order.
struct Object<'a>(&'a [String], &'a [Exported]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}
