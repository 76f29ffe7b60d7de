//! Words that have no place in the house, each with what to do instead.
//!
//! The table is the whole policy; a word is banned by adding a line to it.

use super::RustFile;
use crate::Violation;

/// How a banned word is looked for.
enum Word {
    /// In code, comments and strings left out.
    Code(&'static str),
    /// As neighbouring names of a path, `use` trees written out.
    Path(&'static str),
    /// As a whole word, comments included.
    Remark(&'static str),
}

/// Where a word is banned.
enum Place {
    Everywhere,
    /// Except in test code and below these paths.
    ProductionOutside(&'static [&'static str]),
    InTestCode,
    InTestsFolders,
}

struct Ban {
    word: Word,
    place: Place,
    advice: &'static str,
}

const fn ban(word: Word, place: Place, advice: &'static str) -> Ban {
    Ban { word, place, advice }
}

const CLOCK: Place = Place::ProductionOutside(&["server/src/clock.rs", "server/src/bench"]);
const ASK_THE_CLOCK: &str = "ask the `Clock`, or take the time as a value: tests hold it still";
const UNFINISHED: &str = "finish it, or leave it out and say so in the docs";

const BANS: &[Ban] = &[
    ban(Word::Code("todo!("), Place::Everywhere, UNFINISHED),
    ban(Word::Code("unimplemented!("), Place::Everywhere, UNFINISHED),
    ban(Word::Code("dbg!("), Place::Everywhere, "use `tracing`, or remove it"),
    ban(
        Word::Code("#[ignore"),
        Place::Everywhere,
        "make it run, or delete it: an ignored test proves nothing",
    ),
    ban(Word::Remark(concat!("FIX", "ME")), Place::Everywhere, "put it right now"),
    ban(Word::Remark(concat!("X", "XX")), Place::Everywhere, "say what is meant in words"),
    ban(
        Word::Path("thread::sleep"),
        Place::InTestCode,
        "wait for a signal: a sleep is too short on a slow machine and too long on a fast one",
    ),
    ban(
        Word::Path("time::sleep"),
        Place::InTestsFolders,
        "wait for a signal, or pause the clock and advance it",
    ),
    ban(
        Word::Path("std::env"),
        Place::ProductionOutside(&[
            "server/src/config",
            "server/src/main.rs",
            "server/src/bench",
            "channels/examples/",
            "fixtures/",
            "fuzz/src/libfuzzer.rs",
            "xtask/",
        ]),
        "read it in `server/src/config` and pass the value on",
    ),
    ban(Word::Path("SystemTime::now"), CLOCK, ASK_THE_CLOCK),
    ban(Word::Path("Utc::now"), CLOCK, ASK_THE_CLOCK),
    ban(Word::Path("Timestamp::now"), CLOCK, ASK_THE_CLOCK),
    ban(Word::Path("Zoned::now"), CLOCK, ASK_THE_CLOCK),
];

/// Checks one file against the table.
pub(super) fn check(rust: &RustFile<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for ban in BANS {
        let places = offsets(rust, &ban.word).into_iter();
        for offset in places.filter(|offset| applies(rust, &ban.place, *offset)) {
            let line = rust.source.line_of(offset);
            let advice = format!("`{}`: {}", ban.word.text(), ban.advice);
            found.push(Violation::new(&rust.file.path, line, "banned word", advice));
        }
    }
    found
}

impl Word {
    fn text(&self) -> &'static str {
        match self {
            Self::Code(text) | Self::Path(text) | Self::Remark(text) => text,
        }
    }
}

fn offsets(rust: &RustFile<'_>, word: &Word) -> Vec<usize> {
    match word {
        Word::Code(word) => rust.source.code.match_indices(word).map(|(at, _)| at).collect(),
        Word::Path(word) => {
            let named = rust.source.paths.iter().filter(|path| path.contains(word));
            named.map(|path| path.offset).collect()
        }
        Word::Remark(word) => {
            let text = &rust.file.text;
            let is_whole = |at: usize| {
                let is_letter = |c: char| c.is_alphanumeric() || c == '_';
                !text[..at].ends_with(is_letter) && !text[at + word.len()..].starts_with(is_letter)
            };
            text.match_indices(word).map(|(at, _)| at).filter(|at| is_whole(*at)).collect()
        }
    }
}

fn applies(rust: &RustFile<'_>, place: &Place, offset: usize) -> bool {
    let is_test_code = || rust.file.is_test() || rust.source.is_test_code(offset);
    match place {
        Place::Everywhere => true,
        Place::InTestCode => is_test_code(),
        Place::InTestsFolders => rust.file.is_in_tests_folder(),
        Place::ProductionOutside(homes) => {
            !is_test_code() && !homes.iter().any(|home| rust.file.path.starts_with(home))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rust_file;
    use super::*;
    use crate::tree::SourceFile;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = SourceFile { path: path.into(), text: text.into() };
        check(&rust_file(&file)).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn unfinished_work_is_found_in_code_only() {
        assert_eq!(lines("a.rs", "fn a() {\n    todo!()\n}"), [2]);
        assert_eq!(lines("a.rs", "fn a() {\n    unimplemented!(\"b\")\n}"), [2]);
        assert_eq!(lines("a.rs", "fn a() {\n    dbg!(1);\n}"), [2]);
        assert!(lines("a.rs", "// never todo!()\nfn a() { \"dbg!(\"; }").is_empty());
    }

    #[test]
    fn remarks_are_found_in_comments() {
        assert_eq!(lines("a.rs", concat!("// FIX", "ME later\n")), [1]);
        assert_eq!(lines("a.rs", concat!("\n// X", "XX\n")), [2]);
        assert!(lines("a.rs", concat!("const A: &str = \"XX", "XX\";\n")).is_empty());
    }

    #[test]
    fn tests_neither_sleep_nor_are_skipped() {
        assert_eq!(lines("a/tests/b.rs", "use tokio::time::{sleep, timeout};\n"), [1]);
        assert_eq!(lines("a/src/b.rs", "#[cfg(test)]\nmod tests { std::thread::sleep(a) }"), [2]);
        assert_eq!(lines("a/src/b.rs", "#[test]\n#[ignore]\nfn c() {}\n"), [2]);
        assert!(lines("server/src/worker/a.rs", "tokio::time::sleep(a)").is_empty());
    }

    #[test]
    fn the_environment_is_read_in_one_place() {
        assert_eq!(lines("server/src/http/a.rs", "use std::{env, fs};\n"), [1]);
        assert_eq!(lines("core/src/a.rs", "std::env::var(b)"), [1]);
        assert!(lines("server/src/config/env.rs", "std::env::var(b)").is_empty());
        assert!(lines("server/tests/a.rs", "std::env::temp_dir()").is_empty());
    }

    #[test]
    fn the_time_is_read_in_one_place() {
        for call in ["SystemTime::now()", "jiff::Timestamp::now()", "Utc::now()"] {
            assert_eq!(lines("server/src/service/a.rs", call), [1], "{call}");
            assert!(lines("server/src/clock.rs", call).is_empty());
        }
        assert!(lines("server/src/a.rs", "Instant::now()").is_empty());
    }
}
