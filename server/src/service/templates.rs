//! Seeing which templates there are, and what one would say.
//!
//! A preview sends nothing and stores nothing.

use landfall_core::auth::Caller;
use landfall_core::channel::Channel;
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::zone::Zone;

use super::{ServiceError, Services};
use crate::templates::{Ask, RenderError, Rendered, Template};

/// Whom a template is shown for, and with what.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The data of the notification.
    pub data: Option<JsonText>,
    /// The person's language.
    pub locale: Option<String>,
    /// Their time zone, such as `Europe/Madrid`.
    pub tz: Option<String>,
}

impl Services {
    /// Lists the templates, sorted by name.
    ///
    /// # Errors
    /// `Forbidden` without a scope to send.
    pub fn list_templates(
        &self,
        caller: &Caller,
    ) -> Result<impl Iterator<Item = &Template>, ServiceError> {
        require_sender(caller)?;
        Ok(self.templates.iter())
    }

    /// Fills a template in for every channel, and sends nothing.
    ///
    /// # Errors
    /// `Forbidden` without a scope to send; `NotFound`; `Invalid` with every field that
    /// is missing or wrong.
    pub fn preview(
        &self,
        caller: &Caller,
        id: &str,
        preview: &Preview,
    ) -> Result<Rendered, ServiceError> {
        require_sender(caller)?;
        let Preview { data, locale, tz } = preview;
        self.check_size(data.as_ref())?;
        let zone = match tz.as_deref() {
            None => None,
            Some(name) => Some(Zone::parse(name).map_err(|_| no_zone())?),
        };
        let ask = Ask { locale: locale.as_deref(), zone, channels: &Channel::ALL };
        let rendered = self.templates.render(id, data.as_ref(), &ask);
        rendered.map_err(|error| match error {
            RenderError::Unknown => ServiceError::NotFound("template"),
            error => ServiceError::Invalid(error.into_faults()),
        })
    }

    fn check_size(&self, data: Option<&JsonText>) -> Result<(), ServiceError> {
        let max = self.settings.notify.data_bytes;
        if data.is_none_or(|data| data.as_str().len() <= max) {
            return Ok(());
        }
        let detail = format!("must have at most {max} bytes");
        Err(ServiceError::Invalid(vec![FieldError::new("/data", detail)]))
    }
}

fn require_sender(caller: &Caller) -> Result<(), ServiceError> {
    if caller.sends_at_all() { Ok(()) } else { Err(ServiceError::needs("notify:send")) }
}

fn no_zone() -> ServiceError {
    let detail = "must be a time zone such as Europe/Madrid";
    ServiceError::Invalid(vec![FieldError::new("/tz", detail)])
}
