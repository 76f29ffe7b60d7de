//! Quizzes, which are made before they are scheduled, or with it.

use landfall_core::notify::FieldError;
use landfall_core::schedule::QuizDraft;
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::text::{IdText, Time};

/// Makes or changes a quiz.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct QuizPut {
    /// The class that takes it; needed for a new one.
    #[serde(alias = "classId", skip_serializing_if = "Option::is_none")]
    pub class_id: Option<IdText>,
    /// What it is called; needed for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For how many minutes; 60 where absent.
    #[serde(alias = "durationMinutes", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
}

impl QuizPut {
    /// Reads what a quiz is to be.
    ///
    /// # Errors
    /// Every fault.
    pub fn draft(self) -> Result<QuizDraft, Vec<FieldError>> {
        let mut reading = Reading::default();
        let class = reading.class(self.class_id.as_ref());
        let Self { title, duration_minutes: minutes, .. } = self;
        if reading.0.is_empty() { Ok(QuizDraft { class, title, minutes }) } else { Err(reading.0) }
    }
}

/// A quiz.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuizAnswer {
    /// Its name within the tenant.
    pub id: String,
    /// The class that takes it.
    pub class_id: String,
    /// What it is called.
    pub title: String,
    /// For how many minutes.
    pub duration_minutes: u32,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}
