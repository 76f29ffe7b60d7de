//! Tampering: whatever is done behind the store's back, the walk along the chain shows it.

use super::audit::append;
use super::make::{at, tenant};
use super::world::{Tampering, World};

/// Makes a trail of seven entries of the tenant `t`, six of them in two blocks.
async fn sealed(world: &World) {
    append(world, &tenant("t"), 7).await;
    append(world, &tenant("t2"), 7).await;
    for _ in 0..2 {
        world.store.seal(at(9), 3).await.unwrap();
    }
    let found = world.store.verify(&tenant("t")).await.unwrap();
    assert_eq!((found.blocks, found.entries, found.unsealed, found.broken), (2, 6, 1, None));
}

pub async fn every_tampering_breaks_the_chain(mut world: World) {
    let cases = [
        (Tampering::ChangeAction, 1),
        (Tampering::ChangeTime, 1),
        (Tampering::ChangeMetadata, 1),
        (Tampering::ChangeActor, 1),
        (Tampering::ForgeErasure, 1),
        (Tampering::DeleteEntry, 1),
        (Tampering::SwapTwoEntries, 1),
        (Tampering::DeleteLastBlock, 2),
        (Tampering::DeleteUnsealedEntry, 3),
        (Tampering::ForgetEnd, 2),
    ];
    for (tampering, expected) in cases {
        sealed(&world).await;
        world.backend().tamper(tampering);
        let found = world.store.verify(&tenant("t")).await.unwrap();
        let Some((block, why)) = found.broken else { panic!("{tampering:?} was not seen") };
        assert_eq!(block, expected, "{tampering:?}: {why}");
        world = world.fresh().await;
    }
}

pub async fn the_chain_of_another_tenant_still_verifies(world: World) {
    sealed(&world).await;
    world.backend().tamper(Tampering::DeleteEntry);
    let found = world.store.verify(&tenant("t2")).await.unwrap();
    assert_eq!((found.entries, found.broken), (6, None));
}
