//! The plans of digests: what is due is found by its time, and what is in one by its key.

use landfall_core::id::{NotificationId, SendId};
use uuid::Uuid;

use super::{AT, Bench, SendTo, StoredSend, Write, at_once, stored_send};
use crate::sql::digests;
use crate::{DigestNext, DigestWrite, DueDigest};

#[test]
fn digests_are_reached_through_indexes() {
    let bench = Bench::new();
    let (id, user, key) = (SendId(Uuid::from_u128(9)), bench.user.clone(), "k".to_owned());
    let to = SendTo::One(user.clone(), NotificationId(id.0), None);
    bench.write(Write::CreateSend(Box::new(StoredSend { to, ..stored_send(&bench, id) })));
    let join = DigestWrite::Join { id, user: user.clone(), key: key.clone(), due_at: AT };
    bench.check(|b| b.write(Write::Digest(Box::new(join.clone()))));
    bench.check_reaches("digest_due (due_at<?)", |b| {
        at_once(digests::due(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check_reaches("send_digest (tenant=? AND users=? AND digest_key=?)", |b| {
        at_once(digests::gathered(&mut b.runner(), &b.tenant, (&b.user, "k"), 9)).unwrap();
    });
    bench.check(|b| {
        at_once(digests::due_at(&mut b.runner(), &b.tenant, (&b.user, "k"))).unwrap();
    });
    let digest = |joined| {
        let (tenant, user, key) = (bench.tenant.clone(), user.clone(), key.clone());
        DueDigest { tenant, user, key, joined }
    };
    for (joined, sends, next) in [(1, vec![id], DigestNext::GoesOn), (2, vec![], DigestNext::Ends)]
    {
        let close = DigestWrite::Close { digest: digest(joined), sends, next };
        bench.check(|b| b.write(Write::Digest(Box::new(close))));
    }
}
