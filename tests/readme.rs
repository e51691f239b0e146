//! The README shows the example that is compiled and run.

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = include_str!("../README.md");
    let example = include_str!("../examples/embed.rs");
    assert!(
        readme.contains(example.trim_end()),
        "copy examples/embed.rs into the README"
    );
    assert!(
        example.lines().count() <= 40,
        "an example a newcomer reads in one look"
    );
}
