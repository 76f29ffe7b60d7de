//! Values for the cases about lessons and blobs.

use landfall_core::attachment::Attachment;
use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::LessonId;
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use landfall_store::{Blob, BlobRoom, Write};
use uuid::Uuid;

use super::make::{at, topic_id, user};

pub fn hash(n: u8) -> BlobHash {
    BlobHash([n; 32])
}

pub fn put_blob(n: u8, of_tenant: u64) -> Write {
    let (file, media_type) = (Uuid::from_u128(u128::from(n)), "image/png".into());
    let blob = Box::new(Blob { hash: hash(n), file, bytes: 10, media_type });
    let room = BlobRoom { of_tenant, of_user: 99 * 4_096 };
    Write::PutBlob { blob, by: user("teacher"), instead_of: None, room, at: at(0) }
}

/// A reference to the blob that [`put_blob`] makes.
pub fn attachment(n: &u8) -> Attachment {
    Attachment {
        hash: hash(*n),
        name: format!("picture\u{2028} {n}.png"),
        media_type: "image/png; a=b".into(),
        bytes: 10,
    }
}

pub fn lesson(id: &str, version: u64, blobs: &[u8]) -> Lesson {
    Lesson {
        id: LessonId::parse(id).unwrap(),
        class: topic_id("c"),
        title: "T".into(),
        data: JsonText::trusted(r#"{"a":[1]}"#),
        attachments: blobs.iter().map(attachment).collect(),
        expires_at: None,
        version,
        created_at: at(1),
        updated_at: at(version as i64),
        changed: Number::ZERO,
        is_deleted: false,
    }
}

pub fn put(lesson: &Lesson) -> Write {
    Write::PutLesson { lesson: Box::new(lesson.clone()), class_max: 3 }
}
