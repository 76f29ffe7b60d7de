//! Templates: the words of a notification, in each language and for each channel.
//!
//! Files make them (`docs/templates.md`): those of the folder `templates`, which are compiled in,
//! and an operator's own over them. They are read, checked and compiled once, at the start. A
//! template knows texts and data; it must never know a store, a wire or a provider, and what a
//! sender's data holds is never read as a template.

mod blocks;
mod clean;
mod engine;
mod fault;
mod fields;
mod languages;
mod links;
mod load;
mod manifest;
mod reader;
mod sources;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;

pub use fault::TemplateFault;
pub use fields::{FieldKind, Fields};
pub use languages::{is_kind_of, is_locale};
pub use links::is_link;
pub use template::{Ask, Template};

/// What holds for all templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The locale of a person who told none, such as `en`.
    pub locale: String,
    /// Characters of a title and of an e-mail's subject.
    pub title_chars: usize,
    /// Characters of a message.
    pub message_chars: usize,
}

/// Every template, by name.
#[derive(Debug, Clone)]
pub struct Templates(BTreeMap<String, Template>);

/// A template filled in for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The locale in which it is written: the asked one, or what was there instead.
    pub locale: String,
    /// One line.
    pub title: String,
    /// Lines of plain text.
    pub message: String,
    /// One line of 1,600 characters at most, if it was asked for.
    pub sms: Option<String>,
    /// If it was asked for.
    pub email: Option<Email>,
}

/// An e-mail without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// A page of HTML, where the template has one.
    pub html: Option<String>,
}

/// Why a template could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There is no template of this name.
    #[error("there is no such template")]
    Unknown,
    /// The data does not fit, in these places.
    #[error("the data does not fit the template")]
    Data(Vec<FieldError>),
    /// The template does not work with this data: its author's fault, not the sender's.
    #[error("a template is broken: {0}")]
    Broken(TemplateFault),
}

impl RenderError {
    /// Says what is wrong with a request that led to it; what is wrong inside a template is the
    /// operator's to read, in the log.
    pub fn into_faults(self) -> Vec<FieldError> {
        match self {
            Self::Unknown => {
                vec![FieldError::new("/template_id", "is not a template of this server")]
            }
            Self::Data(faults) => faults,
            Self::Broken(fault) => {
                tracing::error!(%fault, "a template does not work with the data that came");
                let detail =
                    "names a template that does not work with this data; see the server's log";
                vec![FieldError::new("/template_id", detail)]
            }
        }
    }
}

impl Templates {
    /// Loads the templates that are built in, with an operator's folder over them.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, by file and line.
    pub fn load(dir: Option<&Path>, rules: Rules) -> Result<Self, Vec<TemplateFault>> {
        let mut sources = sources::Sources::built_in();
        let mut faults = Vec::new();
        if let Some(dir) = dir {
            sources.overlay(dir, &mut faults);
        }
        load::load(sources, rules, faults).map(Self)
    }

    /// Finds a template.
    pub fn get(&self, id: &str) -> Option<&Template> {
        self.0.get(id)
    }

    /// Gives every template, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Template> {
        self.0.values()
    }

    /// Fills a template in for one person. For many, [`Template::read`] the data once.
    ///
    /// # Errors
    /// `Unknown`; `Data` with every field that is missing or wrong; `Broken`.
    pub fn render(
        &self,
        id: &str,
        data: Option<&JsonText>,
        ask: &Ask<'_>,
    ) -> Result<Rendered, RenderError> {
        let template = self.get(id).ok_or(RenderError::Unknown)?;
        let fields = template.read(data).map_err(RenderError::Data)?;
        template.render(&fields, ask)
    }
}
