//! `template.toml`: what a template is for, where it goes, how urgent it is and what it needs.
//!
//! Said once for all locales. Must never be read twice: a template keeps what it said.

use std::collections::BTreeMap;
use std::ops::Range;

use landfall_core::channel::Channel;
use landfall_core::notification::Priority;
use serde::Deserialize;
use toml::Spanned;

use super::fault::{TemplateFault, line_at};
use super::fields::{Declared, FieldKind};
use super::sources::Source;

/// What `template.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub description: String,
    pub channels: Vec<Channel>,
    pub priority: Priority,
    pub fields: Declared,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    description: String,
    channels: Vec<Spanned<String>>,
    priority: Spanned<String>,
    #[serde(default)]
    required: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    optional: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Words that mean something else inside a template.
const WORDS_OF_THE_ENGINE: [&str; 13] = [
    "true", "false", "none", "not", "and", "or", "in", "is", "if", "else", "loop", "self", "super",
];

/// Reads the file.
///
/// # Errors
/// Everything that is wrong, by line.
pub(super) fn read(source: &Source) -> Result<Manifest, Vec<TemplateFault>> {
    let written: Written = parse(source).map_err(|fault| vec![fault])?;
    let mut reading = Reading { source, faults: Vec::new() };
    let manifest = reading.manifest(written);
    if reading.faults.is_empty() { Ok(manifest) } else { Err(reading.faults) }
}

/// Reads a file of TOML; a fault says what was expected and in which line.
pub(super) fn parse<T: serde::de::DeserializeOwned>(source: &Source) -> Result<T, TemplateFault> {
    toml::from_str(&source.text).map_err(|error: toml::de::Error| {
        let line = line_at(&source.text, error.span().map_or(0, |span| span.start));
        TemplateFault::new(&source.shown, line, error.message())
    })
}

struct Reading<'a> {
    source: &'a Source,
    faults: Vec<TemplateFault>,
}

impl Reading<'_> {
    fn fault(&mut self, span: Range<usize>, what: String) {
        let line = line_at(&self.source.text, span.start);
        self.faults.push(TemplateFault::new(&self.source.shown, line, what));
    }

    fn manifest(&mut self, written: Written) -> Manifest {
        let Written { description, channels, priority, required, optional } = written;
        let required = self.fields(required);
        for name in optional.keys().filter(|name| required.contains_key(name.get_ref())) {
            self.fault(name.span(), format!("{} is required and optional", name.get_ref()));
        }
        let optional = self.fields(optional);
        let known = Priority::ALL.map(Priority::as_str).join(", ");
        let read = Priority::parse(priority.get_ref());
        if read.is_none() {
            self.fault(priority.span(), format!("priority must be one of {known}"));
        }
        Manifest {
            description,
            channels: self.channels(channels),
            priority: read.unwrap_or_default(),
            fields: Declared { required, optional },
        }
    }

    fn channels(&mut self, written: Vec<Spanned<String>>) -> Vec<Channel> {
        let known = Channel::ALL.map(Channel::as_str).join(", ");
        let mut channels = Vec::new();
        for word in written {
            match Channel::parse(word.get_ref()) {
                Some(channel) if channels.contains(&channel) => {
                    self.fault(word.span(), format!("{channel} is named twice"));
                }
                Some(channel) => channels.push(channel),
                None => self.fault(word.span(), format!("a channel is one of {known}")),
            }
        }
        channels
    }

    fn fields(
        &mut self,
        written: BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> BTreeMap<String, FieldKind> {
        let mut fields = BTreeMap::new();
        for (name, word) in written {
            if !is_field_name(name.get_ref()) {
                let what = "a field's name is letters, digits and _, begins with a letter, and is no \
                            word of the engine";
                self.fault(name.span(), what.to_owned());
            }
            match FieldKind::parse(word.get_ref()) {
                Some(kind) => _ = fields.insert(name.into_inner(), kind),
                None => {
                    let what = format!("a field is one of {}", FieldKind::words());
                    self.fault(word.span(), what);
                }
            }
        }
        fields
    }
}

fn is_field_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= 64
        && !WORDS_OF_THE_ENGINE.contains(&name.to_ascii_lowercase().as_str())
}
