//! Tests of templates: what is built in, what people read, and what an operator may get wrong.
#![allow(clippy::unwrap_used)]

mod built_in;
mod documented;
mod filling;
mod languages;
mod operator;

use std::path::{Path, PathBuf};

use landfall_core::channel::Channel;
use landfall_core::notification::JsonText;
use serde_json::Value;

use super::{Ask, RenderError, Rendered, Rules, TemplateFault, Templates};

const ALL: &[Channel] = &Channel::ALL;

fn rules() -> Rules {
    Rules { locale: "en".to_owned(), title_chars: 200, message_chars: 4_000 }
}

fn built_in() -> Templates {
    Templates::load(None, rules()).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn told(faults: &[TemplateFault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn data(json: &Value) -> JsonText {
    JsonText::trusted(&json.to_string())
}

/// Fills a template in for every channel.
fn render(
    templates: &Templates,
    id: &str,
    json: &Value,
    locale: &str,
) -> Result<Rendered, RenderError> {
    let ask = Ask { locale: Some(locale), zone: None, channels: ALL };
    templates.render(id, Some(&data(json)), &ask)
}

/// An operator's folder, gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("landfall-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn load(&self) -> Result<Templates, Vec<TemplateFault>> {
        Templates::load(Some(&self.0), rules())
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}
