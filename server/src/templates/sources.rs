//! Where the files of templates come from: the binary, and an operator's own folder over it.
//!
//! An operator's file takes the place of the built-in one of the same name, and adds to it
//! otherwise. Read once at the start; must never follow a name that a request brings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::fault::TemplateFault;

/// The file that says what a template needs and where it goes.
pub(super) const MANIFEST: &str = "template.toml";
/// The folder that says how languages write dates and lists.
pub(super) const LANGUAGES: &str = "languages";
/// The ending of a template's text in one locale.
const TEXT_ENDING: &str = ".j2";
/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 64 * 1_024;
/// Folders of an operator.
const FOLDERS_MAX: usize = 1_000;

/// A file of a template.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// How faults name it.
    pub shown: String,
    /// What it holds.
    pub text: Cow<'static, str>,
}

/// Every file, by folder and name.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Folder, then the file's name.
    pub folders: BTreeMap<String, BTreeMap<String, Source>>,
}

macro_rules! built_in {
    ($($folder:literal: $($name:literal)+),+ $(,)?) => {
        &[$($((
            $folder,
            $name,
            include_str!(concat!("../../../templates/", $folder, "/", $name)),
        )),+),+]
    };
}

/// The files of the folder `templates`, compiled in.
pub(super) const BUILT_IN: &[(&str, &str, &str)] = built_in![
    "languages": "en.toml" "es.toml",
    "iep_meeting_reminder": "template.toml" "en.j2" "es.j2",
    "iep_deadline_warning": "template.toml" "en.j2" "es.j2",
    "iep_document_ready": "template.toml" "en.j2" "es.j2",
    "iep_parent_consent": "template.toml" "en.j2" "es.j2",
    "iep_review_due": "template.toml" "en.j2" "es.j2",
    "iep_progress_report": "template.toml" "en.j2" "es.j2",
    "quiz_reminder": "template.toml" "en.j2" "es.j2",
    "quiz_started": "template.toml" "en.j2" "es.j2",
    "quiz_ended": "template.toml" "en.j2" "es.j2",
    "live_session_reminder": "template.toml" "en.j2" "es.j2",
    "live_session_started": "template.toml" "en.j2" "es.j2",
    "live_session_ended": "template.toml" "en.j2" "es.j2",
    "event_reminder": "template.toml" "en.j2" "es.j2",
    "event_started": "template.toml" "en.j2" "es.j2",
    "event_ended": "template.toml" "en.j2" "es.j2",
    "topic_message": "template.toml" "en.j2" "es.j2",
    "topic_mention": "template.toml" "en.j2" "es.j2",
    "digest": "template.toml" "en.j2" "es.j2",
];

impl Sources {
    /// Gives the files that are compiled in.
    pub(super) fn built_in() -> Self {
        let mut sources = Self::default();
        for (folder, name, text) in BUILT_IN {
            let shown = format!("templates/{folder}/{name} (built in)");
            sources.put(folder, name, Source { shown, text: Cow::Borrowed(text) });
        }
        sources
    }

    fn put(&mut self, folder: &str, name: &str, source: Source) {
        self.folders.entry(folder.to_owned()).or_default().insert(name.to_owned(), source);
    }

    /// Lays an operator's folder over what is there.
    pub(super) fn overlay(&mut self, dir: &Path, faults: &mut Vec<TemplateFault>) {
        let names = match names_in(dir) {
            Ok(names) => names,
            Err(error) => return faults.push(unreadable(dir, &error)),
        };
        if names.len() > FOLDERS_MAX {
            let what = format!("holds more than {FOLDERS_MAX} entries");
            return faults.push(TemplateFault::new(&dir.display().to_string(), 1, what));
        }
        for name in names {
            let path = dir.join(&name);
            if path.is_dir() {
                self.overlay_folder(&name, &path, faults);
            } else if is_of_a_template(&name) {
                let what = "must lie in a folder that is named for its template";
                faults.push(TemplateFault::new(&path.display().to_string(), 1, what));
            }
        }
    }

    fn overlay_folder(&mut self, folder: &str, path: &Path, faults: &mut Vec<TemplateFault>) {
        let names = match names_in(path) {
            Ok(names) => names,
            Err(error) => return faults.push(unreadable(path, &error)),
        };
        for name in names {
            let path = path.join(&name);
            let shown = path.display().to_string();
            if !belongs(folder, &name) {
                let what = match folder {
                    LANGUAGES => "must be named for a language, such as pl.toml".to_owned(),
                    _ => format!("must be {MANIFEST} or named for a locale, such as pl.j2"),
                };
                faults.push(TemplateFault::new(&shown, 1, what));
                continue;
            }
            match read(&path) {
                Ok(text) => self.put(folder, &name, Source { shown, text: Cow::Owned(text) }),
                Err(error) => faults.push(unreadable(&path, &error)),
            }
        }
    }
}

/// Gives the locale that a file of a template is for, from its name.
pub(super) fn locale_of(name: &str) -> Option<&str> {
    name.strip_suffix(TEXT_ENDING)
}

fn is_of_a_template(name: &str) -> bool {
    name == MANIFEST || locale_of(name).is_some()
}

fn belongs(folder: &str, name: &str) -> bool {
    match folder {
        LANGUAGES => name.ends_with(".toml"),
        _ => is_of_a_template(name),
    }
}

/// Hidden names are left out: mounts and editors keep their own things under them.
fn names_in(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        let what = format!("it has {bytes} bytes, and {FILE_BYTES_MAX} are the most");
        return Err(std::io::Error::other(what));
    }
    std::fs::read_to_string(path)
}

fn unreadable(path: &Path, error: &std::io::Error) -> TemplateFault {
    TemplateFault::new(&path.display().to_string(), 1, format!("cannot be read: {error}"))
}
