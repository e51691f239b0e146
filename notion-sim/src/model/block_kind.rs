//! The kinds of blocks a request can make: what each one says of itself and what it may hold.

/// A kind of block.
#[derive(Debug)]
pub(crate) struct BlockKind {
    pub(crate) name: &'static str,
    pub(crate) members: &'static [(&'static str, Member, Need)],
    pub(crate) holds: Holds,
    /// How many children it has to be made with; `None` where it needs none.
    pub(crate) least: Option<usize>,
}

/// What a member of a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// Rich text; empty where a request does not give it.
    Text,
    /// `default` where a request does not give it.
    Color,
    /// `null` where a request does not give it.
    Icon,
    /// `false` where a request does not give it.
    Flag,
    /// A language of the list that the API knows.
    Language,
    /// A KaTeX expression.
    Expression,
    /// An address as text.
    Address,
    /// The bytes of a medium: `type` and a member of that name.
    File,
    /// The name of a file; the last part of its address where a request does not give it.
    Name,
    /// The number of columns.
    Width,
    /// Rich text per column.
    Cells,
    /// The block that this one shows, or `null` for an original.
    SyncedFrom,
    /// A share of the width, between 0 and 1; absent where a request does not give it.
    Ratio,
    /// The object that a link leads to: `type` and a member of that name.
    Target,
}

/// When a request has to give a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    /// When the block is made; an update may leave it out.
    AtFirst,
    /// When the block is made, and never again.
    OnlyAtFirst,
    Never,
}

/// Which children a block takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Any,
    /// Any, if its `is_toggleable` is true.
    IfToggleable,
    /// Of one kind.
    Only(&'static str),
}

use Holds::{Any, IfToggleable, Nothing, Only};
use Need::{Always, AtFirst, Never, OnlyAtFirst};

type Members = &'static [(&'static str, Member, Need)];

const COLOR: (&str, Member, Need) = ("color", Member::Color, Never);
const CAPTION: (&str, Member, Need) = ("caption", Member::Text, Never);
const WORDS: (&str, Member, Need) = ("rich_text", Member::Text, Always);
const MEDIUM: Members = &[CAPTION, ("external", Member::File, AtFirst)];
const LINKED: Members = &[CAPTION, ("url", Member::Address, AtFirst)];
const HEADING: Members = &[WORDS, ("is_toggleable", Member::Flag, Never), COLOR];

const fn leaf(name: &'static str, members: Members) -> BlockKind {
    holder(name, members, Nothing)
}

const fn holder(name: &'static str, members: Members, holds: Holds) -> BlockKind {
    BlockKind {
        name,
        members,
        holds,
        least: None,
    }
}

const fn made_with(least: usize, kind: BlockKind) -> BlockKind {
    BlockKind {
        least: Some(least),
        ..kind
    }
}

/// All of them, in the order in which refusals name them.
pub(crate) static KINDS: [BlockKind; 30] = [
    leaf("embed", LINKED),
    leaf("bookmark", LINKED),
    leaf("image", MEDIUM),
    leaf("video", MEDIUM),
    leaf("pdf", MEDIUM),
    leaf(
        "file",
        &[
            CAPTION,
            ("external", Member::File, AtFirst),
            ("name", Member::Name, Never),
        ],
    ),
    leaf("audio", MEDIUM),
    leaf(
        "code",
        &[
            CAPTION,
            ("rich_text", Member::Text, AtFirst),
            ("language", Member::Language, AtFirst),
        ],
    ),
    leaf("equation", &[("expression", Member::Expression, Always)]),
    leaf("divider", &[]),
    leaf("breadcrumb", &[]),
    made_with(1, holder("tab", &[], Only("paragraph"))),
    leaf("table_of_contents", &[COLOR]),
    leaf("link_to_page", &[("page_id", Member::Target, Always)]),
    leaf("table_row", &[("cells", Member::Cells, Always)]),
    made_with(
        1,
        holder(
            "table",
            &[
                ("table_width", Member::Width, OnlyAtFirst),
                ("has_column_header", Member::Flag, Never),
                ("has_row_header", Member::Flag, Never),
            ],
            Only("table_row"),
        ),
    ),
    made_with(2, holder("column_list", &[], Only("column"))),
    made_with(
        0,
        holder("column", &[("width_ratio", Member::Ratio, Never)], Any),
    ),
    holder("heading_1", HEADING, IfToggleable),
    holder("heading_2", HEADING, IfToggleable),
    holder("heading_3", HEADING, IfToggleable),
    holder("heading_4", HEADING, IfToggleable),
    holder(
        "paragraph",
        &[
            ("rich_text", Member::Text, AtFirst),
            ("icon", Member::Icon, Never),
            COLOR,
        ],
        Any,
    ),
    holder("bulleted_list_item", &[WORDS, COLOR], Any),
    holder("numbered_list_item", &[WORDS, COLOR], Any),
    holder("quote", &[WORDS, COLOR], Any),
    holder(
        "to_do",
        &[
            ("rich_text", Member::Text, AtFirst),
            ("checked", Member::Flag, Never),
            COLOR,
        ],
        Any,
    ),
    holder("toggle", &[WORDS, COLOR], Any),
    holder(
        "callout",
        &[
            ("rich_text", Member::Text, AtFirst),
            ("icon", Member::Icon, Never),
            COLOR,
        ],
        Any,
    ),
    holder(
        "synced_block",
        &[("synced_from", Member::SyncedFrom, OnlyAtFirst)],
        Any,
    ),
];

/// The kind of this name.
pub(crate) fn find(name: &str) -> Option<&'static BlockKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl BlockKind {
    /// Whether a request takes the kind where `levels` more levels of children are allowed.
    pub(crate) fn fits(&self, levels: usize) -> bool {
        match self.name {
            "column_list" | "column" => levels >= 2,
            "table" | "tab" => levels >= 1,
            _ => true,
        }
    }
}

/// The languages of code, as the API lists them.
pub(crate) const LANGUAGES: &str = "abap,abc,agda,arduino,ascii art,assembly,bash,basic,bnf,c,c#,c++,clojure,coffeescript,coq,css,dart,dhall,diff,docker,ebnf,elixir,elm,erlang,f#,flow,fortran,gherkin,glsl,go,graphql,groovy,haskell,hcl,html,idris,java,javascript,json,julia,kotlin,latex,less,lisp,livescript,llvm ir,lua,makefile,markdown,markup,matlab,mathematica,mermaid,nix,notion formula,objective-c,ocaml,pascal,perl,php,plain text,powershell,prolog,protobuf,purescript,python,r,racket,reason,ruby,rust,sass,scala,scheme,scss,shell,smalltalk,solidity,sql,swift,toml,typescript,vb.net,verilog,vhdl,visual basic,webassembly,xml,yaml,java/c/c++/c#";
