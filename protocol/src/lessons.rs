//! Lessons (S1, contract 6), and what a blob that was uploaded is called.

use landfall_core::attachment::AttachmentDraft;
use landfall_core::id::{LessonId, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::attachments::{AttachmentItem, AttachmentPut, read_attachments};
use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::readable::is_readable;
use crate::text::{IdText, Time, json_text, raw_value};

/// Bounds of a lesson; settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LessonLimits {
    /// Characters of the title.
    pub title_chars: usize,
    /// Bytes of the data.
    pub data_bytes: usize,
    /// Attachments.
    pub attachments: usize,
}

/// Makes or replaces a lesson.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LessonPut {
    /// The class that it is for; stays as it was made.
    #[serde(alias = "classId")]
    pub class_id: IdText,
    /// What people call it.
    pub title: String,
    /// The app's own data: an object, passed on as it came; `{}` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub data: Option<Box<RawValue>>,
    /// Blobs that it refers to; they have to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<AttachmentPut>>,
    /// From then on it is not there any more; never where absent.
    #[serde(default, alias = "expiresAt", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The version that this changes, 0 for a new one; whatever is there where absent. The header
    /// `If-Match` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// What a lesson is to be.
#[derive(Debug, Clone)]
pub struct LessonFields {
    /// The class that it is for.
    pub class: TopicId,
    /// What people call it.
    pub title: String,
    /// The app's own data.
    pub data: JsonText,
    /// Blobs that it refers to.
    pub attachments: Vec<AttachmentDraft>,
    /// From then on it is not there any more.
    pub expires_at: Option<Timestamp>,
    /// The version that this changes.
    pub version: Option<u64>,
}

impl LessonPut {
    /// Reads the fields.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: LessonLimits) -> Result<LessonFields, Vec<FieldError>> {
        let Self { class_id, title, data, attachments, expires_at, version } = self;
        let mut faults = Vec::new();
        let class = class_id.read("/class_id", TopicId::parse).map_err(|fault| faults.push(fault));
        faults.extend(title_fault(&title, limits.title_chars));
        faults.extend(data.as_ref().and_then(|data| data_fault(data.get(), limits.data_bytes)));
        let attachments = attachments.unwrap_or_default();
        let attachments = read_attachments(attachments, limits.attachments, &mut faults);
        match class {
            Ok(class) if faults.is_empty() => Ok(LessonFields {
                class,
                title,
                data: data.map_or_else(|| JsonText::trusted("{}"), |data| json_text(&data)),
                attachments,
                expires_at: expires_at.map(|time| time.0),
                version,
            }),
            _ => Err(faults),
        }
    }
}

fn title_fault(title: &str, max_chars: usize) -> Option<FieldError> {
    let chars = title.chars().count();
    if chars == 0 || chars > max_chars {
        Some(FieldError::new("/title", format!("must have 1 to {max_chars} characters")))
    } else if title.chars().any(char::is_control) {
        Some(FieldError::new("/title", "must not hold control characters"))
    } else {
        None
    }
}

fn data_fault(data: &str, max_bytes: usize) -> Option<FieldError> {
    let detail = if !data.starts_with('{') {
        "must be an object".to_owned()
    } else if data.len() > max_bytes {
        format!("must have at most {max_bytes} bytes")
    } else if !is_readable(data) {
        "must hold whole characters and numbers that a double can hold".to_owned()
    } else {
        return None;
    };
    Some(FieldError::new("/data", detail))
}

/// A lesson.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LessonAnswer {
    /// Its name within the tenant.
    pub id: String,
    /// The class that it is for.
    pub class_id: String,
    /// What people call it.
    pub title: String,
    /// The app's own data, as it came.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
    /// Blobs that it refers to.
    pub attachments: Vec<AttachmentItem>,
    /// From then on it is not there any more.
    pub expires_at: Option<Time>,
    /// Grows by one with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// A lesson in a list: without its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LessonItem {
    /// Its name within the tenant.
    pub id: String,
    /// The class that it is for.
    pub class_id: String,
    /// What people call it.
    pub title: String,
    /// Blobs that it refers to.
    pub attachments: Vec<AttachmentItem>,
    /// From then on it is not there any more.
    pub expires_at: Option<Time>,
    /// Grows by one with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl From<&Lesson> for LessonItem {
    fn from(lesson: &Lesson) -> Self {
        let Lesson {
            id,
            class,
            title,
            data: _,
            attachments,
            expires_at,
            version,
            created_at,
            updated_at,
            changed: _,
            is_deleted: _,
        } = lesson;
        Self {
            id: id.to_string(),
            class_id: class.to_string(),
            title: title.clone(),
            attachments: attachments.iter().map(AttachmentItem::from).collect(),
            expires_at: expires_at.map(Time),
            version: *version,
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
        }
    }
}

impl From<&Lesson> for LessonAnswer {
    fn from(lesson: &Lesson) -> Self {
        let LessonItem {
            id,
            class_id,
            title,
            attachments,
            expires_at,
            version,
            created_at,
            updated_at,
        } = lesson.into();
        let data = raw_value(&lesson.data);
        Self { id, class_id, title, data, attachments, expires_at, version, created_at, updated_at }
    }
}

/// A blob that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobAnswer {
    /// Its name: the SHA-256 of its bytes.
    pub sha256: String,
    /// Its media type, as whoever brought it first said.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
}

/// Parameters of the list of lessons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct LessonsQuery {
    /// Of which class; needed.
    #[serde(alias = "classId")]
    pub class_id: Option<String>,
    /// Items at most.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl LessonsQuery {
    /// Reads which part of the list, and of which class.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<(Page, TopicId), Vec<FieldError>> {
        let Self { class_id, limit, cursor } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset: None, cursor }.page(limits, &mut faults);
        if class_id.is_none() {
            faults.add("class_id", "is required");
        }
        let class = faults.topic("class_id", class_id);
        let nothing = || Vec::new();
        match class {
            Some(class) => faults.or((page, class)),
            None => Err(faults.or(()).err().unwrap_or_else(nothing)),
        }
    }
}

/// Reads the place of a list of lessons.
pub fn lesson_place(text: &str) -> Option<LessonId> {
    LessonId::parse(text).ok()
}
