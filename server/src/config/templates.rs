//! Settings of `[templates]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Config;
use super::Effective;
use super::problem::Problems;
use crate::templates::{Rules, Templates};

/// Where templates come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSettings {
    dir: PathBuf,
}

impl TemplateSettings {
    /// Returns the operator's own folder, if there is one.
    pub fn dir(&self) -> Option<&Path> {
        (!self.dir.as_os_str().is_empty()).then_some(&*self.dir)
    }
}

impl Config {
    /// Returns what holds for all templates.
    pub fn template_rules(&self) -> Rules {
        Rules {
            locale: self.notify.locale.clone(),
            title_chars: self.limits.title_chars,
            message_chars: self.limits.message_chars,
        }
    }

    /// Loads an operator's templates once, so that a fault in any of them stops the start.
    pub(super) fn check_templates(&self, effective: &Effective, problems: &mut Problems) {
        let needs = ["notify.locale", "limits.title_chars", "limits.message_chars"];
        let Some(dir) = self.templates.dir() else { return };
        if needs.iter().any(|name| problems.names(name)) {
            return;
        }
        let origin = effective.origin("templates.dir");
        for fault in Templates::load(Some(dir), self.template_rules()).err().unwrap_or_default() {
            problems.add("templates.dir", fault.to_string(), &origin);
        }
    }
}
