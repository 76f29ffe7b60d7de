//! What of an operation does not fit its type, in words that a developer can mend it by.

use std::cell::RefCell;

use landfall_core::json::Object;
use landfall_core::notify::FieldError;
use landfall_core::sync::Refused;

use super::kinds::Kind;

/// What of an operation does not fit its type, found while it is decided.
#[derive(Default)]
pub(super) struct Misfit(RefCell<Vec<FieldError>>);

impl Misfit {
    /// Refuses what a type does not allow.
    pub(super) fn check(&self, kind: &Kind, data: &Object) -> Result<(), Refused> {
        self.check_size(kind, "/data", data)?;
        kind.check(data).map_err(|problems| {
            let within = |fault: FieldError| FieldError {
                pointer: format!("/data{}", fault.pointer),
                ..fault
            };
            self.0.borrow_mut().extend(problems.into_iter().map(within));
            Refused::Invalid
        })
    }

    /// Notes what is wrong otherwise.
    pub(super) fn note(&self, pointer: &str, detail: &str) {
        self.0.borrow_mut().push(FieldError::new(pointer, detail));
    }

    /// Gives what was found.
    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.0.into_inner()
    }

    /// Refuses what is larger than a type allows.
    pub(super) fn check_size(
        &self,
        kind: &Kind,
        pointer: &str,
        data: &Object,
    ) -> Result<(), Refused> {
        if !kind.is_too_large(data) {
            return Ok(());
        }
        self.note(pointer, &format!("must have at most {} bytes as JSON", kind.max_bytes));
        Err(Refused::TooLarge)
    }
}
