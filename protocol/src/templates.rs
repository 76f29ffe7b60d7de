//! Templates: which there are, and what one would say (contract 3).

use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::names::{ChannelName, PriorityName};
use crate::readable::is_readable;
use crate::text::json_text;

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateItem {
    /// Its name: the `template_id` of a request.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// Locales in which it is written.
    pub locales: Vec<String>,
    /// Channels that it takes where the request names none.
    pub channels: Vec<ChannelName>,
    /// Its priority where the request names none.
    pub priority: PriorityName,
    /// Fields that `data` must have.
    pub required: Vec<String>,
    /// Fields that it shows where `data` has them.
    pub optional: Vec<String>,
}

/// Asks what a template would say; nothing is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PreviewRequest {
    /// The data of the notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub data: Option<Box<RawValue>>,
    /// The person's language, such as `es-MX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Their time zone, such as `Europe/Madrid`; UTC where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
}

/// What a template is to be filled in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewAsk {
    /// The data of the notification.
    pub data: Option<JsonText>,
    /// The person's language.
    pub locale: Option<String>,
    /// Their time zone.
    pub tz: Option<String>,
}

/// Characters of a locale or a time zone.
const NAME_CHARS_MAX: usize = 64;

impl PreviewRequest {
    /// Reads what is asked.
    ///
    /// # Errors
    /// What is wrong, by its place.
    pub fn read(self) -> Result<PreviewAsk, Vec<FieldError>> {
        let Self { data, locale, tz } = self;
        let mut faults = Vec::new();
        if data.as_ref().is_some_and(|data| !data.get().starts_with('{')) {
            faults.push(FieldError::new("/data", "must be a JSON object"));
        } else if data.as_ref().is_some_and(|data| !is_readable(data.get())) {
            let detail = "must hold whole characters, and numbers that a double can hold";
            faults.push(FieldError::new("/data", detail));
        }
        for (pointer, name) in [("/locale", &locale), ("/tz", &tz)] {
            if name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
                let detail = format!("must have at most {NAME_CHARS_MAX} characters");
                faults.push(FieldError::new(pointer, detail));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(PreviewAsk { data: data.as_deref().map(json_text), locale, tz })
    }
}

/// What a template says, on every channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewAnswer {
    /// The template.
    pub template_id: String,
    /// The locale in which it is written: the asked one, or what was there instead.
    pub locale: String,
    /// The headline.
    pub title: String,
    /// The text.
    pub message: String,
    /// The text message.
    pub sms: String,
    /// The e-mail.
    pub email: EmailPreview,
}

/// An e-mail as a template fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmailPreview {
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// Its HTML; null where the template has none.
    pub html: Option<String>,
}
