//! The plans of what classes learn from: lessons, and the blobs that they need.

use landfall_core::attachment::Attachment;
use landfall_core::blob::BlobHash;
use landfall_core::id::LessonId;
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use uuid::Uuid;

use super::{AT, Bench, Number, Write, at_once};
use crate::sql::{blobs, lessons};
use crate::{Blob, BlobRoom, LessonFilter};

pub(super) const HASH: BlobHash = BlobHash([1; 32]);

fn lesson(bench: &Bench, version: u64) -> Lesson {
    let (name, media_type) = ("a".into(), "image/png".into());
    Lesson {
        id: LessonId::parse("l").unwrap(),
        class: bench.topic.clone(),
        title: String::new(),
        data: JsonText::trusted("{}"),
        attachments: vec![Attachment { hash: HASH, name, media_type, bytes: 1 }],
        expires_at: Some(AT),
        version,
        created_at: AT,
        updated_at: AT,
        changed: Number::ZERO,
        is_deleted: false,
    }
}

pub(super) fn put_blob(bench: &Bench) -> Write {
    let (file, media_type) = (Uuid::from_u128(1), "image/png".into());
    Write::PutBlob {
        blob: Box::new(Blob { hash: HASH, file, bytes: 1, media_type }),
        by: bench.user.clone(),
        instead_of: Some(file),
        room: BlobRoom { of_tenant: 9, of_user: 4_096 },
        at: AT,
    }
}

#[test]
fn lessons_are_reached_through_indexes() {
    let bench = Bench::new();
    bench.write(put_blob(&bench));
    let class_max = 9;
    for version in [1, 2] {
        let lesson = Box::new(lesson(&bench, version));
        bench.check(|b| b.write(Write::PutLesson { lesson, class_max }));
    }
    bench.check(|b| {
        let id = LessonId::parse("l").unwrap();
        at_once(lessons::get(&mut b.runner(), &b.tenant, &id)).unwrap();
        at_once(lessons::count(&mut b.runner(), &b.tenant, &b.topic)).unwrap();
    });
    let (class, after) = (bench.topic.clone(), None);
    let filter = LessonFilter { class, after, now: AT, limit: 9 };
    bench.check_reaches("lesson_class (tenant=? AND class_id=? AND id>?)", |b| {
        at_once(lessons::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
    });
    bench.check_reaches("lesson_expiry (expires_at>? AND expires_at<?)", |b| {
        at_once(lessons::ended(&mut b.runner(), AT, 9)).unwrap();
    });
    let (id, class, at) = (LessonId::parse("l").unwrap(), bench.topic.clone(), AT);
    bench.check(|b| b.write(Write::DeleteLesson { id, class, version: 2, at }));
    let (tenant, topic) = (bench.tenant.clone(), bench.topic.clone());
    bench.check(|b| {
        let end = (Number(9), AT);
        at_once(lessons::delete_of_class(&mut b.runner(), &tenant, &topic, end)).unwrap();
    });
}

#[test]
fn blobs_are_reached_through_indexes() {
    let bench = Bench::new();
    let (file, hash, at) = (Uuid::from_u128(1), HASH, AT);
    bench.check(|b| b.write(put_blob(b)));
    bench.check(|b| b.write(put_blob(b)));
    bench.check(|b| b.write(Write::UseBlob { hash, file, at }));
    bench.check(|b| {
        at_once(blobs::find(&mut b.runner(), &b.tenant, &[HASH])).unwrap();
        at_once(blobs::total(&mut b.runner(), &b.tenant)).unwrap();
        at_once(blobs::files(&mut b.runner(), &[file])).unwrap();
    });
    bench.check(|b| {
        let stranger = landfall_core::id::UserId::parse("v").unwrap();
        at_once(blobs::may_read(&mut b.runner(), &b.tenant, &HASH, &stranger, AT)).unwrap();
        at_once(blobs::teaches(&mut b.runner(), &b.tenant, &stranger)).unwrap();
        at_once(blobs::belongs(&mut b.runner(), &b.tenant, &stranger)).unwrap();
        at_once(blobs::total_of_user(&mut b.runner(), &b.tenant, &stranger)).unwrap();
    });
    bench.check_reaches("blob_unneeded (needed_at<?)", |b| {
        at_once(blobs::unneeded(&mut b.runner(), AT, 9)).unwrap();
    });
    let before = AT.plus_ms(1);
    bench.check(|b| b.write(Write::ForgetBlob { hash, file, before }));
}
