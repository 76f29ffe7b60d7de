//! The template engine, held short: few filters, no loader, bounded steps and bounded output.
//!
//! Blocks are compiled once, at the start. What a template cannot do cannot go wrong: it includes
//! nothing, calls nothing, and marks nothing as safe.

use std::io;

use minijinja::value::Kwargs;
use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};
use minijinja::{escape_formatter, filters, tests};

use icu_plurals::PluralCategory;

use super::blocks::Block;
use super::fields::Moment;
use super::reader::Reader;
use super::template::Sight;

/// Bytes that most blocks need at most.
const USUAL: usize = 128;
/// Steps that one block may take.
const FUEL: u64 = 100_000;
/// Under this name, which no field can have, filters find for whom they write.
pub(super) const READER: &str = "_reader";

/// Why a block could not be filled in.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It became longer than it may.
    TooLong,
    /// The template does not work with this data: the line of the block, and what is wrong there.
    Broken(usize, String),
}

/// Makes an engine without templates.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_auto_escape_callback(|name| match name.ends_with(Block::EmailHtml.as_str()) {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    engine.set_formatter(write);
    add_filters(&mut engine);
    engine
}

fn add_filters(engine: &mut Environment<'_>) {
    engine.add_filter("datetime", |state: &State, time: &Moment| {
        with_reader(state, |reader| reader.datetime(time.0))
    });
    engine.add_filter("date", |state: &State, time: &Moment| {
        with_reader(state, |reader| reader.date(time.0))
    });
    engine.add_filter("time", |state: &State, time: &Moment| {
        with_reader(state, |reader| reader.time(time.0))
    });
    engine.add_filter("listed", |state: &State, items: Vec<String>| {
        with_reader(state, |reader| reader.listed(&items))
    });
    engine.add_filter("plural", plural);
    engine.add_filter("upper", filters::upper);
    engine.add_filter("lower", filters::lower);
    engine.add_filter("capitalize", filters::capitalize);
    engine.add_filter("trim", filters::trim);
    engine.add_filter("replace", filters::replace);
    engine.add_filter("length", filters::length);
    engine.add_filter("first", filters::first);
    engine.add_filter("last", filters::last);
    engine.add_filter("join", filters::join);
    engine.add_filter("round", filters::round);
    engine.add_filter("default", filters::default);
    engine.add_test("none", tests::is_none);
    engine.add_test("defined", tests::is_defined);
}

/// Writes a value for people to read. What they could not read is a fault of the template.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => escape_formatter(out, state, value),
        // An `if` without `else` inside an expression.
        ValueKind::Undefined => Ok(()),
        _ if value.downcast_object_ref::<Moment>().is_some() => {
            Err(wrong("a time is shown by one of the filters datetime, date and time"))
        }
        ValueKind::None => Err(wrong("an optional field must stand inside an if")),
        kind => Err(wrong(format!("a {kind} cannot be shown to a person as it is"))),
    }
}

fn wrong(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn with_reader(state: &State, write: impl FnOnce(&Reader) -> String) -> Result<String, Error> {
    let sight = state.lookup(READER);
    let sight = sight.as_ref().and_then(|value| value.downcast_object_ref::<Sight>());
    let reader = sight.map(|sight| &sight.reader);
    reader.map(write).ok_or_else(|| wrong("nobody is there to write for"))
}

/// Chooses the form that a number takes in the reader's language; `{n}` in it is the number.
fn plural(state: &State, number: Value, forms: Kwargs) -> Result<String, Error> {
    if !number.is_number() {
        return Err(wrong("plural needs a number"));
    }
    let shown = number.to_string();
    let mut chosen = None;
    let reader = with_reader(state, |reader| {
        chosen = Some(reader.language.category(&shown));
        String::new()
    });
    reader?;
    let other: String = forms.get("other")?;
    let mut form = other;
    for (category, name) in FORMS {
        let given: Option<String> = forms.get(name)?;
        if chosen == Some(category) {
            form = given.unwrap_or(form);
        }
    }
    forms.assert_all_used()?;
    Ok(form.replace("{n}", &shown))
}

const FORMS: [(PluralCategory, &str); 5] = [
    (PluralCategory::Zero, "zero"),
    (PluralCategory::One, "one"),
    (PluralCategory::Two, "two"),
    (PluralCategory::Few, "few"),
    (PluralCategory::Many, "many"),
];

/// Fills in one compiled block, up to so many bytes.
pub(super) fn fill(
    engine: &Environment<'static>,
    name: &str,
    data: Value,
    bytes_max: usize,
) -> Result<String, Stopped> {
    let mut page = Page { bytes: Vec::with_capacity(USUAL), bytes_max, is_full: false };
    let filled = engine
        .get_template(name)
        .and_then(|template| template.render_captured_to(data, &mut page).map(|_| ()));
    match filled {
        Err(_) if page.is_full => Err(Stopped::TooLong),
        Err(error) => Err(Stopped::Broken(error.line().unwrap_or(1), say(&error))),
        Ok(()) => Ok(String::from_utf8(page.bytes).expect("the engine writes text")),
    }
}

/// Says what the engine found wrong; it may name fields, and never shows what they hold.
pub(super) fn say(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// What is being written, with an end to it.
struct Page {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl io::Write for &mut Page {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.bytes_max {
            self.is_full = true;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
