//! Pages of an inbox as sessions read them.

use landfall_core::feed::{Head, Number};
use landfall_core::id::UserId;
use landfall_core::notification::{InboxRow, NewNotification};
use landfall_core::session::{Page, Read};
use landfall_store::Write;

use super::make::{at, details, mark_read, note, tenant, user};
use super::world::World;

async fn published(world: &World, to: &UserId, count: usize) -> Vec<NewNotification> {
    let notes: Vec<_> = (1..=count).map(|n| note(to, &format!("n{n}"))).collect();
    for new in &notes {
        world.publish(&tenant("t"), new).await;
    }
    notes
}

/// Shows a page as its numbers, with `R` before read ones and `A` before the mark, and its end.
fn shown(page: &Page) -> String {
    let row = |row: &InboxRow| match row {
        InboxRow::AllRead { number, up_to, .. } => format!("A{number}<={up_to}"),
        InboxRow::Notification(found) if found.read_at.is_some() => format!("R{}", found.changed),
        InboxRow::Notification(found) => found.changed.to_string(),
    };
    let rows: Vec<String> = page.rows.iter().map(row).collect();
    format!("{}{} of {}", rows.join(" "), if page.more { " more" } else { "" }, page.head.newest)
}

async fn check(world: &World, read: Read, expected: &str) {
    let page = world.page(&tenant("t"), &user("u"), read).await;
    assert_eq!(shown(&page), expected, "{read:?}");
}

fn newest(after: u64, limit: usize) -> Read {
    Read::Newest { after: Number(after), limit }
}

fn oldest(after: u64, limit: usize) -> Read {
    Read::Oldest { after: Number(after), limit }
}

fn pending(after: u64, up_to: Option<u64>, limit: usize) -> Read {
    Read::Pending { after: Number(after), up_to: up_to.map(Number), limit }
}

pub async fn newest_gives_the_latest_rows_oldest_first(world: World) {
    published(&world, &user("u"), 5).await;
    check(&world, newest(0, 9), "1 2 3 4 5 of 5").await;
    check(&world, newest(0, 5), "1 2 3 4 5 of 5").await;
    check(&world, newest(0, 4), "2 3 4 5 more of 5").await;
    check(&world, newest(3, 2), "4 5 of 5").await;
    check(&world, newest(3, 1), "5 more of 5").await;
    check(&world, newest(5, 9), " of 5").await;
    check(&world, newest(77, 9), " of 5").await;
}

pub async fn oldest_pages_lead_to_the_head(world: World) {
    published(&world, &user("u"), 5).await;
    check(&world, oldest(0, 2), "1 2 more of 5").await;
    check(&world, oldest(2, 2), "3 4 more of 5").await;
    check(&world, oldest(4, 2), "5 of 5").await;
    check(&world, oldest(3, 2), "4 5 of 5").await;
    check(&world, oldest(5, 2), " of 5").await;
}

pub async fn pending_leaves_out_what_is_read_or_delivered(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let notes = published(&world, &u, 6).await;
    let number = Number(2);
    let confirm =
        Write::Confirm { user: u.clone(), number, at: at(1), details: details("u", "{}") };
    world.done(&t, confirm).await;
    world.done(&t, mark_read(&u, notes[3].id, at(1))).await;
    world.done(&t, Write::Delete { user: u.clone(), id: notes[4].id }).await;
    check(&world, pending(0, None, 9), "1 3 6 of 8").await;
    check(&world, pending(0, None, 2), "1 3 more of 8").await;
    check(&world, pending(3, None, 2), "6 of 8").await;
    check(&world, pending(0, Some(3), 2), "1 3 of 8").await;
    check(&world, pending(1, Some(5), 9), "3 of 8").await;
    world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(2) }).await;
    check(&world, pending(0, None, 9), " of 9").await;
    world.publish(&t, &note(&u, "new")).await;
    check(&world, pending(0, None, 9), "10 of 10").await;
}

pub async fn a_read_row_moves_to_its_new_number(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let notes = published(&world, &u, 3).await;
    world.done(&t, mark_read(&u, notes[0].id, at(1))).await;
    check(&world, oldest(0, 9), "2 3 R4 of 4").await;
    check(&world, oldest(3, 9), "R4 of 4").await;
    check(&world, newest(0, 2), "3 R4 more of 4").await;
    let page = world.page(&t, &u, oldest(3, 9)).await;
    let [InboxRow::Notification(found)] = &page.rows[..] else { panic!("{page:?}") };
    assert_eq!((found.number, found.read_at), (Number(1), Some(at(1))));
    assert_eq!(found.content, notes[0].content);
}

pub async fn the_all_read_mark_stands_in_its_place(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    published(&world, &u, 2).await;
    world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(1) }).await;
    let later = [note(&u, "n4"), note(&u, "n5")];
    for new in &later {
        world.publish(&t, new).await;
    }
    check(&world, oldest(0, 9), "R1 R2 A3<=2 4 5 of 5").await;
    check(&world, newest(0, 9), "R1 R2 A3<=2 4 5 of 5").await;
    check(&world, oldest(2, 9), "A3<=2 4 5 of 5").await;
    check(&world, oldest(3, 9), "4 5 of 5").await;
    check(&world, newest(3, 9), "4 5 of 5").await;
    check(&world, newest(0, 2), "4 5 more of 5").await;
    check(&world, oldest(0, 1), "R1 more of 5").await;
    world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(2) }).await;
    check(&world, oldest(3, 9), "R4 R5 A6<=5 of 6").await;
    check(&world, oldest(5, 9), "A6<=5 of 6").await;
    let page = world.page(&t, &u, oldest(5, 9)).await;
    let mark = InboxRow::AllRead { number: Number(6), up_to: Number(5), at: at(2) };
    assert_eq!(page.rows, [mark]);
}

pub async fn an_empty_inbox_gives_an_empty_page(world: World) {
    for read in [newest(0, 9), oldest(0, 9), pending(0, None, 9), newest(7, 9)] {
        let page = world.page(&tenant("t"), &user("u"), read).await;
        assert_eq!(page, Page { rows: vec![], head: Head::default(), more: false });
    }
}
