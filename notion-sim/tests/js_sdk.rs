//! The official JavaScript SDK, unmodified, through a whole life: `tests/js-sdk/life.mjs`.
//!
//! `NOTION_JS_SDK` names a folder with that script and its `node_modules`; `scripts/js-sdk` makes one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use notion_sync_sim::NotionSim;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_lives_a_whole_life_here() {
    let Some(folder) = std::env::var_os("NOTION_JS_SDK") else {
        eprintln!(
            "skipped: NOTION_JS_SDK names no folder with the SDK; `scripts/js-sdk` makes one"
        );
        return;
    };
    let sim = NotionSim::builder()
        .virtual_clock("2026-11-04T14:30:41Z".parse().unwrap())
        .rate_limit(None)
        .start()
        .await
        .unwrap();
    // The simulator answers on other threads meanwhile.
    let life = Command::new("node")
        .arg("life.mjs")
        .current_dir(folder)
        .env("NOTION_SIM_URL", sim.base_url())
        .env("NOTION_SIM_TOKEN", sim.token())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&life.stdout);
    println!("{said}{}", String::from_utf8_lossy(&life.stderr));
    assert!(life.status.success());
    let steps = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js-sdk/steps"));
    let both_versions = 2 * steps.unwrap().count();
    assert_eq!(
        said.lines().filter(|line| line.starts_with("ok ")).count(),
        both_versions
    );
}
