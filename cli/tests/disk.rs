//! A file or folder that cannot be written, a disk without room: said, nothing sent that is not
//! remembered, and the next run goes on once the cause is gone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{World, bare, said, words};
use serde_json::json;

/// Somebody who owns nothing.
const NOBODY: u32 = 65_534;

fn mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// "one" was edited in SQL and no run has seen it.
async fn with_an_edit() -> World {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world
}

/// The edit is in Notion, once, and nothing is left.
fn arrives(world: &World) {
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], json!(7));
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.text("SELECT count(*) FROM changes"), "0");
    let check = world.text("SELECT integrity_check FROM pragma_integrity_check");
    assert_eq!(check, "ok");
}

/// The command of someone whom the file system can refuse. Root it refuses nothing, so that root
/// becomes nobody; `None` where nobody may not even start the program.
fn refusable(world: &World) -> Option<Command> {
    let is_root = std::fs::metadata(world.file()).unwrap().uid() == 0;
    let become_refusable = |command: &mut Command| {
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
    };
    let mut probe = bare(Path::new("/"));
    become_refusable(probe.arg("--version"));
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: nobody may not start the program; move the target folder or run as a user"
        );
        return None;
    }
    let mut command = world.command(&["run"]);
    command.current_dir("/");
    become_refusable(&mut command);
    Some(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_or_a_folder_that_cannot_be_written_is_said_and_nothing_is_sent() {
    for (file, folder, lock) in [
        (0o444, 0o777, 0o666),
        (0o666, 0o555, 0o666),
        (0o444, 0o555, 0o666),
        (0o000, 0o777, 0o666),
        // As after a run of somebody else.
        (0o666, 0o777, 0o000),
    ] {
        let world = with_an_edit().await;
        let Some(mut command) = refusable(&world) else {
            return;
        };
        let lock_file = world.folder.path().join("tasks.sqlite-lock");
        mode(&lock_file, lock);
        mode(&world.file(), file);
        mode(world.folder.path(), folder);
        let refused = said(&mut command).code(1);
        mode(world.folder.path(), 0o700);
        mode(&world.file(), 0o600);
        refused.says("writable");
        assert_eq!(world.writes(), [], "{file:o} in {folder:o}");
        mode(&lock_file, 0o600);
        arrives(&world);
    }
}

/// Runs the command by a line of shell, which finds the command in `$@`.
fn by_shell(world: &World, line: &str) -> Command {
    let command = world.command(&["run"]);
    let mut shell = Command::new("sh");
    shell.env_clear().current_dir(world.folder.path());
    shell.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    shell.envs(set);
    shell.args(["-c", line, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

/// Many pages to pull, and an edit to send.
async fn with_much_to_do() -> World {
    let world = with_an_edit().await;
    for page in 0..400 {
        world.add(
            &format!("page {page}"),
            json!({ "Notes": common::rich_text(&"long ".repeat(100)) }),
        );
    }
    world
}

fn pulled_whole(world: &World) {
    arrives(world);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "402");
    let rows = "SELECT count(*) FROM (SELECT DISTINCT _id FROM Tasks)";
    assert_eq!(world.text(rows), "402");
    assert_eq!(words(&world.page("page 399"), "Notes").len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_is_said_and_the_next_run_goes_on() {
    let world = with_much_to_do().await;
    // In units of 512 bytes or of a kibibyte, as the shell likes: less than the pages need.
    let mut limited = by_shell(&world, "trap '' XFSZ; ulimit -f 300; exec \"$@\"");
    let said = said(&mut limited).code(1);
    said.says("limits on the size of files");
    pulled_whole(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_the_next_run_goes_on() {
    let world = with_much_to_do().await;
    let mut probe = Command::new("unshare");
    probe.args([
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "tmpfs",
        "/mnt",
    ]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no small disk can be mounted here (unshare --user --mount)");
        return;
    }
    // A small disk, filled but for a little, where the command looks for the file; what it leaves
    // there is carried back before the disk is gone.
    let line = "exec unshare --user --map-root-user --mount sh -c '
        mkdir small && mount -t tmpfs -o size=1m tmpfs small || exit 99
        cp tasks.sqlite small; head -c 500k /dev/zero >small/filler
        shift 2; \"$0\" --db small/tasks.sqlite \"$@\"; code=$?
        cp small/tasks.sqlite* .; exit $code' \"$@\"";
    // A file that is carried there and back is a copy, which this is not about.
    let at_home_anywhere = || {
        let person = rusqlite::Connection::open(world.file()).unwrap();
        let forget = "UPDATE _sync_meta SET home = NULL";
        person.execute(forget, []).unwrap();
    };
    at_home_anywhere();
    let said = said(&mut by_shell(&world, line)).code(1);
    said.says("no room is left");
    at_home_anywhere();
    pulled_whole(&world);
}
