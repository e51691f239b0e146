//! Clients that others wrote, unmodified but for their base URL, through a whole life: the official
//! JavaScript SDK (`tests/js-sdk/`), and two of Python's (`tests/py-clients/`).
//!
//! `scripts/js-sdk` and `scripts/py-clients` fetch them and run these tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use notion_sync_sim::NotionSim;

/// What the script printed, a line each that begins with `ok`; `None` where `named` names no folder.
async fn lives(named: &str, program: &str, script: &str) -> Option<usize> {
    let Some(folder) = std::env::var_os(named) else {
        eprintln!("skipped: {named} names no folder with the client; see `scripts/`");
        return None;
    };
    let sim = NotionSim::builder()
        .virtual_clock("2026-11-04T14:30:41Z".parse().unwrap())
        .rate_limit(None)
        .start()
        .await
        .unwrap();
    // The simulator answers on other threads meanwhile.
    let life = Command::new(program)
        .arg(script)
        .current_dir(folder)
        .env("NOTION_SIM_URL", sim.base_url())
        .env("NOTION_SIM_TOKEN", sim.token())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&life.stdout);
    println!("{said}{}", String::from_utf8_lossy(&life.stderr));
    assert!(life.status.success());
    Some(said.lines().filter(|line| line.starts_with("ok ")).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_javascript_sdk_lives_a_whole_life_here() {
    let steps = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js-sdk/steps"));
    let both_versions = 2 * steps.unwrap().count();
    if let Some(ended) = lives("NOTION_JS_SDK", "node", "life.mjs").await {
        assert_eq!(ended, both_versions);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_python_live_here() {
    if let Some(ended) = lives("NOTION_PY_CLIENTS", "venv/bin/python", "life.py").await {
        assert_eq!(ended, 2);
    }
}
