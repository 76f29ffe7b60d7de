//! Puts templates together from their files, and finds everything that is wrong with them.
//!
//! A template that loads can be filled in: every name in it is a declared field, and every block
//! was tried. Nothing is left to be found by the first notification at night.

use std::collections::BTreeMap;
use std::sync::Arc;

use landfall_core::notify::{RESERVED_TYPES, is_type_name};
use minijinja::{Environment, Value};

use super::blocks::{Block, Part, split};
use super::engine::{READER, engine, say};
use super::fault::{TemplateFault, line_at};
use super::fields::{Declared, FieldKind, Fields};
use super::languages::{Languages, is_locale, key, parents};
use super::links;
use super::manifest::{self, Manifest};
use super::sources::{LANGUAGES, MANIFEST, Source, Sources, locale_of};
use super::template::{EMAIL_BYTES_MAX, Localised, Shared, Template};
use super::{RenderError, Rules};

/// Templates while their files are being read.
struct Loading {
    engine: Environment<'static>,
    rules: Rules,
    faults: Vec<TemplateFault>,
    /// What each template declares and in which locales it is written, by its name.
    found: BTreeMap<String, (Manifest, BTreeMap<String, Localised>)>,
}

/// Loads templates.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn load(
    mut sources: Sources,
    rules: Rules,
    faults: Vec<TemplateFault>,
) -> Result<BTreeMap<String, Template>, Vec<TemplateFault>> {
    let words = sources.folders.remove(LANGUAGES).unwrap_or_default();
    let mut loading = Loading { engine: engine(), rules, faults, found: BTreeMap::new() };
    for (id, files) in &sources.folders {
        loading.template(id, files);
    }
    let Loading { engine, rules, mut faults, found } = loading;
    let locales = found.values().flat_map(|(_, locales)| locales.keys().map(String::as_str));
    let languages = Languages::read(&words, locales, &mut faults);
    let default = key(&rules.locale);
    let shared = Arc::new(Shared { engine, languages, rules, default });
    let templates: BTreeMap<String, Template> = found
        .into_iter()
        .map(|(id, (manifest, locales))| {
            let shared = Arc::clone(&shared);
            (id.clone(), Template { id, manifest, locales, shared })
        })
        .collect();
    for template in templates.values() {
        faults.extend(try_out(template));
    }
    faults.sort();
    faults.dedup();
    if faults.is_empty() { Ok(templates) } else { Err(faults) }
}

impl Loading {
    fn template(&mut self, id: &str, files: &BTreeMap<String, Source>) {
        let any = files.values().next().map_or(id, |source| source.shown.as_str());
        if !is_type_name(id) || RESERVED_TYPES.contains(&id) {
            let what = "the folder's name cannot name a template";
            return self.faults.push(TemplateFault::new(any, 1, what));
        }
        let Some(source) = files.get(MANIFEST) else {
            let what = format!("there is no {MANIFEST} beside it");
            return self.faults.push(TemplateFault::new(any, 1, what));
        };
        let manifest = match manifest::read(source) {
            Ok(manifest) => manifest,
            Err(found) => return self.faults.extend(found),
        };
        let mut locales = BTreeMap::new();
        let before = self.faults.len();
        for (name, source) in files {
            if let Some(locale) = locale_of(name) {
                let localised = self.localised(id, locale, source, &manifest.fields);
                locales.insert(key(locale), localised);
            }
        }
        let default = key(&self.rules.locale);
        let is_there = parents(&default).chain(["en"]).any(|name| locales.contains_key(name));
        if !is_there {
            let wanted = match default.as_str() {
                "en" => "en.j2".to_owned(),
                _ => format!("{}.j2 (notify.locale) or en.j2", self.rules.locale),
            };
            let what = format!("there is no {wanted} beside it");
            self.faults.push(TemplateFault::new(&source.shown, 1, what));
        }
        if self.faults.len() == before {
            self.found.insert(id.to_owned(), (manifest, locales));
        }
    }

    fn localised(
        &mut self,
        id: &str,
        locale: &str,
        source: &Source,
        fields: &Declared,
    ) -> Localised {
        if !is_locale(locale) {
            self.fault(source, 1, "is not named for a locale, such as es or pt-BR");
        }
        let (parts, found) = split(&source.text);
        for (line, what) in found {
            self.fault(source, line, &what);
        }
        let mut blocks = BTreeMap::new();
        for part in parts {
            let name = format!("{id}/{locale}/{}", part.block.as_str());
            self.compile(&name, &part, source, fields);
            blocks.insert(part.block, (name, part.line));
        }
        let (locale, shown) = (locale.to_owned(), source.shown.clone());
        Localised { key: key(&locale), locale, shown, blocks }
    }

    fn compile(&mut self, name: &str, part: &Part<'_>, source: &Source, fields: &Declared) {
        if let Err(error) = self.engine.add_template_owned(name.to_owned(), part.text.to_owned()) {
            return self.fault(source, part.line + error.line().unwrap_or(1) - 1, &say(&error));
        }
        let template = self.engine.get_template(name);
        let used = template.map(|template| template.undeclared_variables(false));
        let mut used: Vec<String> = used.unwrap_or_default().into_iter().collect();
        used.sort();
        for unknown in used.iter().filter(|name| fields.kind(name).is_none()) {
            let line = part.line + line_at(part.text, place_of(part.text, unknown)) - 1;
            self.fault(source, line, &format!("{unknown} is no field of {MANIFEST}"));
        }
        if part.block == Block::EmailHtml {
            let is_link = |name: &str| fields.kind(name) == Some(FieldKind::Link);
            for (at, what) in links::faults(part.text, is_link) {
                self.fault(source, part.line + line_at(part.text, at) - 1, &what);
            }
        }
    }

    fn fault(&mut self, source: &Source, line: usize, what: &str) {
        self.faults.push(TemplateFault::new(&source.shown, line, what));
    }
}

/// Finds a name where it stands as a word of its own.
fn place_of(text: &str, name: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let is_whole =
        |at: usize| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part);
    let mut places = text.match_indices(name).map(|(at, _)| at);
    places.find(|at| is_whole(*at)).unwrap_or_default()
}

/// Fills every block in, with everything that a sender may leave out and without: what the engine
/// finds only then is found now. A field of the kind `any` has no sample, so its template is not tried.
fn try_out(template: &Template) -> Vec<TemplateFault> {
    debug_assert!(template.manifest.fields.kind(READER).is_none());
    let mut found = Vec::new();
    for fields in samples(&template.manifest.fields).into_iter().flatten() {
        for localised in template.locales.values() {
            let sheet = template.sheet(localised, &fields, "", None);
            for block in Block::ALL {
                // What becomes too long depends on the data and is told to its sender.
                if let Err(RenderError::Broken(fault)) = sheet.block(block, EMAIL_BYTES_MAX) {
                    found.push(fault);
                }
            }
        }
    }
    found
}

fn samples(fields: &Declared) -> Option<[Fields; 2]> {
    let sample = |fields: &BTreeMap<String, FieldKind>| -> Option<BTreeMap<String, Value>> {
        fields.iter().map(|(name, kind)| Some((name.clone(), kind.sample()?))).collect()
    };
    let required = sample(&fields.required)?;
    let absent = fields.optional.keys().map(|name| (name.clone(), Value::from(())));
    let least = required.clone().into_iter().chain(absent).collect();
    let most = required.into_iter().chain(sample(&fields.optional)?).collect();
    Some([Fields::of(least), Fields::of(most)])
}
