use super::*;

const A: &str = "1b2c3d4e00004000800000000000a001";
const V: &str = "0b2c3d4e00004000800000000000a0ff";
const P: &str = "2b2c3d4e00004000800000000000a002";
const DASHED: &str = "1b2c3d4e-0000-4000-8000-00000000a001";

fn found(text: &str) -> Vec<(Place, String)> {
    NotionUrl::parse(text)
        .into_iter()
        .map(|c| (c.place, c.id.simple().to_string()))
        .collect()
}

fn of(parts: &[(Place, &str)]) -> Vec<(Place, String)> {
    parts
        .iter()
        .map(|(place, id)| (*place, (*id).to_owned()))
        .collect()
}

#[test]
fn pain_21_every_shape_of_url() {
    let cases: &[(String, &[(Place, &str)])] = &[
        (A.into(), &[(Place::Whole, A)]),
        (format!(" {DASHED}\n"), &[(Place::Whole, A)]),
        (format!("collection://{DASHED}"), &[(Place::Collection, A)]),
        (
            format!("https://www.notion.so/ws/Some-Title-{A}?v={V}"),
            &[(Place::Path, A), (Place::V, V)],
        ),
        (
            format!("https://www.notion.so/ws/{A}?v={V}"),
            &[(Place::Path, A), (Place::V, V)],
        ),
        (format!("https://www.notion.so/{A}"), &[(Place::Path, A)]),
        (
            format!("https://www.notion.so/{DASHED}"),
            &[(Place::Path, A)],
        ),
        (
            format!("https://www.notion.so/Title-{DASHED}"),
            &[(Place::Path, A)],
        ),
        (
            format!("https://www.notion.so/ws/{A}?v={V}&p={P}&pm=s"),
            &[(Place::Path, A), (Place::P, P), (Place::V, V)],
        ),
        (
            format!("https://www.notion.so/ws/Slug-{A}?v={V}&p={P}&pm=s"),
            &[(Place::Path, A), (Place::P, P), (Place::V, V)],
        ),
        (format!("https://www.notion.so/?v={V}"), &[(Place::V, V)]),
        (
            format!("https://me.notion.site/Title-{A}"),
            &[(Place::Path, A)],
        ),
        (
            format!("https://app.notion.com/p/Title-{A}"),
            &[(Place::Path, A)],
        ),
        (format!("https://notion.com/{A}/"), &[(Place::Path, A)]),
        (format!("notion://www.notion.so/{A}"), &[(Place::Path, A)]),
        (format!("notion.so/ws/{A}"), &[(Place::Path, A)]),
        (
            format!("https://www.notion.so/Title-{A}#{P}"),
            &[(Place::Path, A), (Place::Fragment, P)],
        ),
        (
            format!("https://www.notion.so/Title-{A}#block-{P}"),
            &[(Place::Path, A), (Place::Fragment, P)],
        ),
        // A run of 33 or more digits is no id.
        (format!("https://www.notion.so/0{A}"), &[]),
        (format!("https://www.notion.so/Title-{A}0"), &[]),
        (format!("0{A}"), &[]),
        ("https://www.notion.so/TASK-123".into(), &[]),
        (format!("https://example.com/Title-{A}"), &[]),
        (format!("https://evilnotion.so/Title-{A}"), &[]),
        ("".into(), &[]),
        ("what is this".into(), &[]),
        ("https://www.notion.so/日本-x".into(), &[]),
    ];
    for (text, want) in cases {
        assert_eq!(found(text), of(want), "{text}");
    }
}

#[test]
fn pain_21_a_view_is_never_the_database() {
    assert_eq!(
        NotionUrl::best_for_data_source(&format!("https://www.notion.so/?v={V}")),
        None
    );
    for slug in ["", "Slug-"] {
        let url = format!("https://www.notion.so/ws/{slug}{A}?v={V}&p={P}");
        assert_eq!(
            NotionUrl::best_for_data_source(&url).unwrap().database(),
            A.parse().unwrap()
        );
        assert_eq!(
            NotionUrl::best_for_page(&url).unwrap().page(),
            P.parse().unwrap()
        );
    }
    assert_eq!(
        NotionUrl::best_for_data_source(&format!("collection://{DASHED}"))
            .unwrap()
            .data_source(),
        A.parse().unwrap()
    );
}

#[test]
fn unique_id_urls_are_told_apart() {
    assert_eq!(
        NotionUrl::unique_id("https://www.notion.so/TASK-123"),
        Some(("TASK".into(), 123))
    );
    assert_eq!(
        NotionUrl::unique_id("notion.so/ws/A1-7"),
        Some(("A1".into(), 7))
    );
    for text in [
        "https://www.notion.so/TASK-",
        "https://www.notion.so/TASK-+1",
        "TASK",
        "https://x.org/TASK-1",
    ] {
        assert_eq!(NotionUrl::unique_id(text), None, "{text}");
    }
    assert_eq!(
        NotionUrl::unique_id(&format!("https://www.notion.so/Title-{A}")),
        None
    );
}
