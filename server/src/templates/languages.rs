//! How a language writes dates and lists, and which plural a number takes.
//!
//! The words stand in `languages/<locale>.toml`; a language without such a file writes dates in
//! numbers. Which numbers are `one`, `few` or `many` is CLDR's to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use fixed_decimal::Decimal;
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules, PluralRulesPreferences};
use serde::Deserialize;

use super::fault::TemplateFault;
use super::manifest::parse;
use super::sources::Source;

/// What `languages/<locale>.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// The months' names, from January.
    pub months: [String; 12],
    /// A date, with placeholders.
    pub date: String,
    /// A time of day, with placeholders.
    pub time: String,
    /// Both, from `{date}`, `{time}` and `{zone}`.
    pub datetime: String,
    /// What `{half}` of a day is called.
    #[serde(default = "halves")]
    pub halves: [String; 2],
    /// The word before the last of a list.
    pub and: String,
    /// The same before a word that begins with the sound of `i`.
    pub and_before_i: Option<String>,
}

fn halves() -> [String; 2] {
    ["AM".to_owned(), "PM".to_owned()]
}

/// What a date's or a time's pattern may hold.
const PLACEHOLDERS: [&str; 9] =
    ["day", "dd", "month", "mm", "year", "hour", "hour12", "minute", "half"];
/// What the pattern of both may hold.
const PARTS: [&str; 3] = ["date", "time", "zone"];

/// A language: its words, and its plurals.
#[derive(Debug)]
pub(super) struct Language {
    /// Its words; without them dates are numbers and lists have commas.
    pub words: Option<Arc<Words>>,
    plurals: PluralRulesPreferences,
}

impl Language {
    /// Says which form a number takes; the number is written as it will be shown.
    pub(super) fn category(&self, number: &str) -> PluralCategory {
        let Ok(number) = Decimal::try_from_str(number) else { return PluralCategory::Other };
        PluralRules::try_new_cardinal(self.plurals)
            .map_or(PluralCategory::Other, |rules| rules.category_for(&number))
    }
}

/// The languages that templates and words are written in.
#[derive(Debug, Default)]
pub(super) struct Languages(BTreeMap<String, Arc<Language>>);

impl Languages {
    /// Reads the words of languages and prepares the locales of templates.
    pub(super) fn read<'a>(
        files: &BTreeMap<String, Source>,
        locales: impl Iterator<Item = &'a str>,
        faults: &mut Vec<TemplateFault>,
    ) -> Self {
        let mut words = BTreeMap::new();
        for (name, source) in files {
            let locale = name.trim_end_matches(".toml");
            match read_words(locale, source) {
                Ok(read) => _ = words.insert(key(locale), Arc::new(read)),
                Err(found) => faults.extend(found),
            }
        }
        let names: Vec<String> = words.keys().cloned().chain(locales.map(key)).collect();
        let languages = names.into_iter().filter_map(|name| {
            let plurals = PluralRulesPreferences::from(&Locale::try_from_str(&name).ok()?);
            let words = parents(&name).find_map(|parent| words.get(parent).cloned());
            Some((name, Arc::new(Language { words, plurals })))
        });
        Self(languages.collect())
    }

    /// Gives the language in which a template's locale is to be filled in for somebody who asked
    /// for `wanted`: their own way of writing it, where it is a way of writing that language. Both
    /// are spelled by [`key`].
    pub(super) fn best(&self, wanted: &str, locale: &str) -> Option<&Arc<Language>> {
        let is_same = parents(wanted).any(|name| name == locale);
        let own = parents(if is_same { wanted } else { locale });
        own.take_while(|name| name.len() >= locale.len()).find_map(|name| self.0.get(name))
    }
}

/// Spells a locale as it is looked up.
pub(super) fn key(locale: &str) -> String {
    locale.replace('_', "-").to_ascii_lowercase()
}

/// Gives a locale and then what it is a kind of: `es-mx`, `es`.
pub(super) fn parents(locale: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(locale).filter(|locale| !locale.is_empty()), |locale| {
        locale.rsplit_once('-').map(|(parent, _)| parent)
    })
}

/// Says whether a locale is another one or a kind of it, as `es-MX` is of `es`.
pub fn is_kind_of(locale: &str, parent: &str) -> bool {
    let parent = key(parent);
    parents(&key(locale)).any(|name| name == parent)
}

/// Says whether a text names a locale, such as `es` or `pt-BR`.
pub fn is_locale(text: &str) -> bool {
    text.len() <= 35 && Locale::try_from_str(text).is_ok()
}

fn read_words(locale: &str, source: &Source) -> Result<Words, Vec<TemplateFault>> {
    let words: Words = parse(source).map_err(|fault| vec![fault])?;
    let mut found = Vec::new();
    if !is_locale(locale) {
        found.push("is not named for a language".to_owned());
    }
    for pattern in [&words.date, &words.time] {
        found.extend(check_pattern(pattern, &PLACEHOLDERS));
    }
    found.extend(check_pattern(&words.datetime, &PARTS));
    if found.is_empty() {
        return Ok(words);
    }
    Err(found.into_iter().map(|what| TemplateFault::new(&source.shown, 1, what)).collect())
}

fn check_pattern(pattern: &str, known: &[&str]) -> Option<String> {
    let names = pattern.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
    let unknown = names.into_iter().find(|name| !known.contains(name))?;
    Some(format!("{{{unknown}}} in {pattern:?} is none of {}", known.join(", ")))
}
