//! The tutorial shows the example that is compiled, run and tested.

/// Lines that say something: the tutorial parts the example at empty ones.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_tutorial_shows_the_example_whole() {
    let tutorial = include_str!("../../docs/write-your-own-peer.md");
    let blocks = tutorial.split("```rust\n").skip(1);
    let shown: String = blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect();
    assert_eq!(
        lines(&shown),
        lines(include_str!("../examples/own_peer.rs")),
        "copy sync-core/examples/own_peer.rs into docs/write-your-own-peer.md"
    );
}
