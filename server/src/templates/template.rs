//! A template, ready to be filled in for one person.
//!
//! Only what a channel needs is filled in: accepting a notification costs its title and message.

use std::collections::BTreeMap;
use std::sync::Arc;

use landfall_core::channel::Channel;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::notify::FieldError;
use landfall_core::sms::TEXT_CHARS_MAX;
use landfall_core::zone::Zone;
use minijinja::value::Object;
use minijinja::{Environment, Value};

use super::blocks::Block;
use super::clean::{cut, lines, one_line};
use super::engine::{READER, Stopped, fill};
use super::fault::TemplateFault;
use super::fields::Fields;
use super::languages::{Languages, key, parents};
use super::manifest::Manifest;
use super::reader::Reader;
use super::{Email, RenderError, Rendered, Rules};

/// Bytes of an e-mail's text, and of its HTML.
pub(super) const EMAIL_BYTES_MAX: usize = 256 * 1_024;

/// For whom a template is filled in, and for which channels.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// The person's language, such as `es-MX`; the default one where it is not known.
    pub locale: Option<&'a str>,
    /// Their time zone; UTC where it is not known.
    pub zone: Option<Zone>,
    /// Channels whose texts are needed beside title and message.
    pub channels: &'a [Channel],
}

/// What all templates share.
#[derive(Debug)]
pub(super) struct Shared {
    pub engine: Environment<'static>,
    pub languages: Languages,
    pub rules: Rules,
    /// The default locale as it is looked up.
    pub default: String,
}

/// One locale of a template: where its blocks are.
#[derive(Debug, Clone)]
pub(super) struct Localised {
    pub locale: String,
    /// The locale as it is looked up.
    pub key: String,
    /// How faults name its file.
    pub shown: String,
    /// The engine's name of each block, and the line of the file at which it begins.
    pub blocks: BTreeMap<Block, (String, usize)>,
}

/// A template in all its locales.
#[derive(Debug, Clone)]
pub struct Template {
    pub(super) id: String,
    pub(super) manifest: Manifest,
    pub(super) locales: BTreeMap<String, Localised>,
    pub(super) shared: Arc<Shared>,
}

/// What a block sees: the fields, and for whom it is.
#[derive(Debug)]
pub(super) struct Sight {
    fields: Fields,
    pub(super) reader: Reader,
}

impl Object for Sight {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            READER => Some(Value::from_dyn_object(Arc::clone(self))),
            field => self.fields.get(field),
        }
    }
}

impl Template {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for, in a few words.
    pub fn description(&self) -> &str {
        &self.manifest.description
    }

    /// Channels where the request names none (contract 3, order of say 2).
    pub fn channels(&self) -> &[Channel] {
        &self.manifest.channels
    }

    /// How urgent it is where the request does not say.
    pub fn priority(&self) -> Priority {
        self.manifest.priority
    }

    /// Fields that `data` must have, by name.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.manifest.fields.required.keys().map(String::as_str)
    }

    /// Fields that it shows where `data` has them.
    pub fn optional(&self) -> impl Iterator<Item = &str> {
        self.manifest.fields.optional.keys().map(String::as_str)
    }

    /// Locales in which it is written.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.locales.values().map(|localised| &*localised.locale)
    }

    /// Checks a notification's data once, for any number of recipients.
    ///
    /// # Errors
    /// Every field that is missing or wrong, as `/data/<field>`.
    pub fn read(&self, data: Option<&JsonText>) -> Result<Fields, Vec<FieldError>> {
        self.manifest.fields.read(data)
    }

    /// Fills the template in for one person.
    ///
    /// # Errors
    /// `Data` when title or message become too long; `Broken` when the template does not work with
    /// this data.
    pub fn render(&self, fields: &Fields, ask: &Ask<'_>) -> Result<Rendered, RenderError> {
        let wanted = ask.locale.map(key).unwrap_or_default();
        let localised = self.localised(&wanted);
        let sheet = self.sheet(localised, fields, &wanted, ask.zone.clone());
        let title = one_line(sheet.title()?);
        let message = lines(sheet.message()?);
        let rules = &self.shared.rules;
        sheet.check("title", &title, rules.title_chars)?;
        sheet.check("message", &message, rules.message_chars)?;
        let wants = |channel| ask.channels.contains(&channel);
        let sms = match wants(Channel::Sms) {
            true => Some(sheet.sms(&message)?),
            false => None,
        };
        let email = match wants(Channel::Email) {
            true => Some(sheet.email(&title, &message)?),
            false => None,
        };
        Ok(Rendered { locale: localised.locale.clone(), title, message, sms, email })
    }

    /// Puts the bare engine in front of somebody's data.
    pub(crate) fn bare(&self, fields: &Fields, ask: &Ask<'_>) -> Bare<'_> {
        let wanted = ask.locale.map(key).unwrap_or_default();
        let localised = self.localised(&wanted);
        let Sheet { sight, .. } = self.sheet(localised, fields, &wanted, ask.zone.clone());
        let name = |block| localised.blocks.get(&block).map(|(name, _)| name.as_str());
        let blocks = [Block::Title, Block::Message].map(|block| name(block).unwrap_or_default());
        Bare { engine: &self.shared.engine, blocks, sight }
    }

    /// Finds the locale: the asked one, what it is a kind of, the default, English.
    fn localised(&self, wanted: &str) -> &Localised {
        parents(wanted)
            .chain(parents(&self.shared.default))
            .chain(["en"])
            .find_map(|name| self.locales.get(name))
            .expect("loading refuses a template that is in neither the default locale nor English")
    }

    /// Puts the template in front of somebody's data; `wanted` is the locale that they asked for,
    /// as [`key`] spells it.
    pub(super) fn sheet<'a>(
        &'a self,
        localised: &'a Localised,
        fields: &Fields,
        wanted: &str,
        zone: Option<Zone>,
    ) -> Sheet<'a> {
        let language = self.shared.languages.best(wanted, &localised.key);
        let language = language.expect("loading prepares every template's locale");
        let reader =
            Reader { language: Arc::clone(language), zone: zone.unwrap_or_else(Zone::utc) };
        let sight = Sight { fields: fields.clone(), reader };
        Sheet { shared: &self.shared, localised, sight: Value::from_object(sight) }
    }
}

/// Title and message by the engine alone, without bounds, tidying and checks: what filling in is
/// compared with.
pub(crate) struct Bare<'a> {
    engine: &'a Environment<'static>,
    blocks: [&'a str; 2],
    sight: Value,
}

impl Bare<'_> {
    /// Fills both in.
    pub(crate) fn fill(&self) -> Result<[String; 2], minijinja::Error> {
        let [title, message] = self.blocks;
        let fill = |name| self.engine.get_template(name)?.render(&self.sight);
        Ok([fill(title)?, fill(message)?])
    }
}

/// A template in one locale in front of one person's data.
pub(super) struct Sheet<'a> {
    shared: &'a Shared,
    localised: &'a Localised,
    sight: Value,
}

impl Sheet<'_> {
    /// Fills in a block; nothing where the template does not have it.
    pub(super) fn block(&self, block: Block, max: usize) -> Result<Option<String>, RenderError> {
        let Some((name, line)) = self.localised.blocks.get(&block) else { return Ok(None) };
        let filled = fill(&self.shared.engine, name, self.sight.clone(), max);
        filled.map(Some).map_err(|stopped| match stopped {
            Stopped::TooLong => too_long(block.as_str(), format!("{max} bytes")),
            Stopped::Broken(at, what) => {
                RenderError::Broken(TemplateFault::new(&self.localised.shown, line + at - 1, what))
            }
        })
    }

    fn title(&self) -> Result<String, RenderError> {
        let max = bytes(self.shared.rules.title_chars);
        Ok(self.block(Block::Title, max)?.unwrap_or_default())
    }

    fn message(&self) -> Result<String, RenderError> {
        let max = bytes(self.shared.rules.message_chars);
        Ok(self.block(Block::Message, max)?.unwrap_or_default())
    }

    /// A text message that is too long is cut: its sender was answered long ago.
    fn sms(&self, message: &str) -> Result<String, RenderError> {
        let text = self.block(Block::Sms, EMAIL_BYTES_MAX)?;
        Ok(cut(one_line(text.unwrap_or_else(|| message.to_owned())), TEXT_CHARS_MAX))
    }

    fn email(&self, title: &str, message: &str) -> Result<Email, RenderError> {
        let subject = self.block(Block::EmailSubject, EMAIL_BYTES_MAX)?;
        let text = self.block(Block::EmailText, EMAIL_BYTES_MAX)?;
        let html = self.block(Block::EmailHtml, EMAIL_BYTES_MAX)?;
        let subject = subject.map(one_line);
        Ok(Email {
            subject: cut(
                subject.unwrap_or_else(|| title.to_owned()),
                self.shared.rules.title_chars,
            ),
            text: text.map_or_else(|| message.to_owned(), lines),
            // Lines that a condition left empty mean nothing here.
            html: html.map(|html| self.page(&lines(html).replace("\n\n", "\n"))),
        })
    }

    /// Puts what a template wrote into a page that names its language; one that is a page stays.
    fn page(&self, html: &str) -> String {
        if html.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype")) {
            return html.to_owned();
        }
        let locale = &self.localised.locale;
        format!(
            "<!doctype html>\n<html lang=\"{locale}\">\n<head><meta charset=\"utf-8\"></head>\n\
             <body>\n{html}\n</body>\n</html>\n"
        )
    }

    fn check(&self, what: &str, text: &str, chars: usize) -> Result<(), RenderError> {
        // No text has more characters than bytes.
        if text.len() <= chars || text.chars().nth(chars).is_none() {
            return Ok(());
        }
        Err(too_long(what, format!("{chars} characters")))
    }
}

/// Room for so many characters, and for space that is taken out afterwards.
fn bytes(chars: usize) -> usize {
    chars * 4 + 4_096
}

fn too_long(what: &str, bound: String) -> RenderError {
    let detail = format!("makes the template's {what} longer than {bound}");
    RenderError::Data(vec![FieldError::new("/data", detail)])
}
